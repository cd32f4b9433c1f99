// What the benchmark of tunnels sends through them: see Benchmarks/tunnels.
//   load serve                         prints its port; a connection begins with what it wants: S count: counts what comes, G count: sends, E: echoes
//   load delay TARGET MS               prints its port; a line of 1 Gbit/s, half of MS in each direction
//   load put|get PORT CONNECTIONS BYTES   prints MB/s of all together
//   load echo PORT COUNT               prints median and p99 of one byte there and back, in microseconds
//   load connect PORT COUNT            prints connections a second, each with one byte there and back
//   load stall PORT CONNECTIONS SECONDS   asks for bytes without end and takes none
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 1 << 16 };
static const double RATE = 125e6;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) { perror(what); exit(1); }

static void prompt(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static int dial(int port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) die("connect");
  prompt(fd);
  return fd;
}

static int listener(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof a;
  if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 512) < 0) die("listen");
  getsockname(fd, (struct sockaddr *)&a, &length);
  printf("%d\n", ntohs(a.sin_port));
  fflush(stdout);
  return fd;
}

static void put_all(int fd, const char *data, size_t count) {
  while (count > 0) {
    ssize_t sent = send(fd, data, count, MSG_NOSIGNAL);
    if (sent < 0) die("send");
    data += sent, count -= sent;
  }
}

static void get_all(int fd, char *data, size_t count) {
  while (count > 0) {
    ssize_t got = recv(fd, data, count, 0);
    if (got <= 0) die("recv");
    data += got, count -= got;
  }
}

static void serve_one(int fd) {
  static char block[BLOCK];
  char kind;
  uint64_t count = 0;
  get_all(fd, &kind, 1);
  if (kind == 'E') {
    for (ssize_t got; (got = recv(fd, block, sizeof block, 0)) > 0;) put_all(fd, block, got);
    exit(0);
  }
  get_all(fd, (char *)&count, sizeof count);
  if (kind == 'S') {
    for (ssize_t got; count > 0 && (got = recv(fd, block, sizeof block, 0)) > 0;) count -= got;
    if (count == 0) put_all(fd, "K", 1);
  } else {
    for (; count > 0; count -= count < BLOCK ? count : BLOCK) put_all(fd, block, count < BLOCK ? count : BLOCK);
  }
  exit(0);
}

static void serve(void) {
  signal(SIGCHLD, SIG_IGN);
  for (int fd = listener();;) {
    int peer = accept(fd, NULL, NULL);
    if (peer < 0) continue;
    prompt(peer);
    if (fork() == 0) serve_one(peer);
    close(peer);
  }
}

// MARK: The line

struct piece { struct piece *next; double due; ssize_t count; char data[]; };
struct lane { int from, to; double half; pthread_mutex_t lock; pthread_cond_t change; struct piece *first, **last; size_t held, most; };

static void *lane_read(void *p) {
  struct lane *lane = p;
  double is_free = now();
  for (;;) {
    struct piece *piece = malloc(sizeof *piece + BLOCK);
    piece->next = NULL;
    piece->count = recv(lane->from, piece->data, BLOCK, 0);
    if (piece->count < 0) piece->count = 0;
    if (now() > is_free) is_free = now();
    is_free += piece->count / RATE;
    piece->due = is_free + lane->half;
    int ended = piece->count == 0;
    pthread_mutex_lock(&lane->lock);
    *lane->last = piece, lane->last = &piece->next, lane->held += piece->count;
    pthread_cond_broadcast(&lane->change);
    while (lane->held > lane->most) pthread_cond_wait(&lane->change, &lane->lock);
    pthread_mutex_unlock(&lane->lock);
    if (ended) return NULL;
  }
}

static void *lane_write(void *p) {
  struct lane *lane = p;
  for (;;) {
    pthread_mutex_lock(&lane->lock);
    while (!lane->first) pthread_cond_wait(&lane->change, &lane->lock);
    struct piece *piece = lane->first;
    lane->first = piece->next;
    if (!lane->first) lane->last = &lane->first;
    pthread_mutex_unlock(&lane->lock);
    double wait = piece->due - now();
    if (wait > 0) usleep(wait * 1e6);
    if (piece->count == 0) { shutdown(lane->to, SHUT_WR); return NULL; }
    for (ssize_t done = 0, sent; done < piece->count; done += sent)
      if ((sent = send(lane->to, piece->data + done, piece->count - done, MSG_NOSIGNAL)) < 0) return NULL;
    pthread_mutex_lock(&lane->lock);
    lane->held -= piece->count;
    pthread_cond_broadcast(&lane->change);
    pthread_mutex_unlock(&lane->lock);
    free(piece);
  }
}

static void delay(int target, double seconds) {
  for (int fd = listener();;) {
    int client = accept(fd, NULL, NULL), other = dial(target);
    prompt(client);
    int ends[2] = {client, other};
    for (int i = 0; i < 2; i++) {
      struct lane *lane = calloc(1, sizeof *lane);
      lane->from = ends[i], lane->to = ends[1 - i], lane->half = seconds / 2, lane->last = &lane->first;
      lane->most = RATE * seconds * 1.25 + 2 * BLOCK;
      pthread_mutex_init(&lane->lock, NULL), pthread_cond_init(&lane->change, NULL);
      pthread_t thread;
      pthread_create(&thread, NULL, lane_read, lane), pthread_create(&thread, NULL, lane_write, lane);
    }
  }
}

// MARK: Load

static void transfer(int port, char kind, uint64_t count) {
  static char block[BLOCK];
  int fd = dial(port);
  char head[9] = {kind};
  memcpy(head + 1, &count, 8);
  put_all(fd, head, 9);
  if (kind == 'S') {
    for (uint64_t left = count; left > 0; left -= left < BLOCK ? left : BLOCK) put_all(fd, block, left < BLOCK ? left : BLOCK);
    get_all(fd, block, 1);
  } else {
    for (ssize_t got; count > 0; count -= got)
      if ((got = recv(fd, block, sizeof block, 0)) <= 0) die("recv");
  }
}

static void many(int port, char kind, int connections, uint64_t bytes) {
  double began = now();
  int failed = 0, status;
  for (int i = 0; i < connections; i++)
    if (fork() == 0) { transfer(port, kind, bytes / connections); _exit(0); }
  while (wait(&status) > 0) failed |= status;
  if (failed) exit(1);
  printf("%.1f\n", bytes / (now() - began) / 1e6);
}

static int compare(const void *a, const void *b) { return *(const double *)a < *(const double *)b ? -1 : 1; }

static void echo(int port, int count) {
  double *times = calloc(count, sizeof *times);
  char byte = 'x';
  int fd = dial(port);
  put_all(fd, "E", 1);
  for (int i = -50; i < count; i++) {
    double began = now();
    put_all(fd, &byte, 1), get_all(fd, &byte, 1);
    if (i >= 0) times[i] = (now() - began) * 1e6;
  }
  qsort(times, count, sizeof *times, compare);
  printf("%.1f %.1f\n", times[count / 2], times[count * 99 / 100]);
}

static void connects(int port, int count) {
  double began = now();
  char byte;
  for (int i = 0; i < count; i++) {
    int fd = dial(port);
    put_all(fd, "Ex", 2), get_all(fd, &byte, 1);
    close(fd);
  }
  printf("%.0f\n", count / (now() - began));
}

static void stall(int port, int connections, int seconds) {
  char head[9] = {'G'};
  uint64_t count = 1ull << 40;
  memcpy(head + 1, &count, 8);
  for (int i = 0; i < connections; i++) put_all(dial(port), head, 9);
  puts("stalled");
  fflush(stdout);
  sleep(seconds);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  int port = argc > 2 ? atoi(argv[2]) : 0;
  if (!strcmp(what, "serve")) serve();
  else if (!strcmp(what, "delay") && argc > 3) delay(port, atof(argv[3]) / 1000);
  else if (!strcmp(what, "put") && argc > 4) many(port, 'S', atoi(argv[3]), strtoull(argv[4], NULL, 10));
  else if (!strcmp(what, "get") && argc > 4) many(port, 'G', atoi(argv[3]), strtoull(argv[4], NULL, 10));
  else if (!strcmp(what, "echo") && argc > 3) echo(port, atoi(argv[3]));
  else if (!strcmp(what, "connect") && argc > 3) connects(port, atoi(argv[3]));
  else if (!strcmp(what, "stall") && argc > 4) stall(port, atoi(argv[3]), atoi(argv[4]));
  else { fputs("see the head of load.c\n", stderr); return 2; }
  return 0;
}
