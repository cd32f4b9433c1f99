#!/bin/bash
# What people use tunnels for: ssh, scp, rsync and a web page, each compared with what it should be.
#   tunnel_programs.sh DIRECTORY SSH_PORT WEB_PORT PROXY_COMMAND
# The ports are tunnels; sshd's key files and a web server's directory are in DIRECTORY.
set -euo pipefail
cd "$1"
ssh_port=$2 web_port=$3 proxy=$4
common=(-F /dev/null -i "$PWD/user_key" -o UserKnownHostsFile="$PWD/known_hosts" -o StrictHostKeyChecking=no -o LogLevel=ERROR -o BatchMode=yes)
me=$(id -un)

[ "$(ssh "${common[@]}" -p "$ssh_port" "$me@127.0.0.1" 'echo there; cat' <<< back)" = $'there\nback' ]
echo "ssh: fine"
[ "$(ssh "${common[@]}" -o ProxyCommand="$proxy" "$me@Press-12" 'echo by proxy')" = "by proxy" ]
echo "ssh with ProxyCommand: fine"

head -c "$5" /dev/urandom > large.bin
scp -q "${common[@]}" -P "$ssh_port" large.bin "$me@127.0.0.1:$PWD/there.bin"
scp -q "${common[@]}" -P "$ssh_port" "$me@127.0.0.1:$PWD/there.bin" back.bin
cmp large.bin there.bin
cmp large.bin back.bin
echo "scp: fine"

mkdir -p tree/deep
for number in $(seq 40); do head -c $((number * 977)) /dev/urandom > "tree/deep/file $number"; done
rsync -a -e "ssh ${common[*]} -p $ssh_port" tree/ "$me@127.0.0.1:$PWD/copy/"
diff -r tree copy
echo "rsync: fine"

head -c 300000 /dev/urandom | base64 > web/page.html
for _ in 1 2 3 4 5 6; do curl -sS --noproxy '*' -o "page$_" "http://127.0.0.1:$web_port/page.html" & done
wait
for _ in 1 2 3 4 5 6; do cmp "page$_" web/page.html; done
echo "web page: fine"
