-- Small pieces of Lua whose results are compared between PUC Lua 5.1 and the host's states. Each prints what it comes to; of an error
-- it is told that there was one, as the wording differs. Runs as it is under both.
local write = ...

local snippets, skipped = {}, {}
local function add(code) snippets[#snippets + 1] = code end

-- What differs on purpose, with the reason.
local function skip(code, reason) skipped[#skipped + 1] = code .. " -- " .. reason end
skip("[[a [[b]] ]]", "5.1 refuses nested long brackets, LuaJIT takes them")
skip("string.format('%s', nil)", "5.1 raises, the host converts")
skip("goto done ::done::", "LuaJIT has goto")
skip("math.log(8, 2), string.rep('a', 2, ','), xpcall(f, h, x)", "LuaJIT takes the arguments that 5.1 ignores")
skip("load('return 1')", "5.1 takes functions alone")
skip("bit, jit, ffi", "LuaJIT has them")
skip("tostring(2^53), 1/3 at the last digit", "LuaJIT rounds its own way to 14 digits")
skip("collectgarbage('step'), gcinfo()", "figures of one's own")
skip("string.dump, debug.sethook counts", "compiled code of one's own")
skip("a break that is not the last statement", "5.1 refuses it, LuaJIT takes it")
skip("for i = 1, math.huge; print(-nan)", "the sign of a NaN is nobody's promise")
skip("coroutine.yield within pcall", "5.1 refuses it, LuaJIT takes it")
skip("coroutine.yield outside of a coroutine of the script's own", "ends the call, as the host runs scripts in coroutines")
skip("math.random(0)", "5.1 raises, LuaJIT returns a number")
skip("os.exit", "ends the script alone")
skip("print, io.stdout", "go to the program's output")

-- Every character behind a backslash, in both quotes.
for byte = 32, 126 do
  local c = string.char(byte)
  if not string.find(c, "[%d%c]") then add("return '\\" .. c .. "x'") add('return "a\\' .. c .. '"') end
end
for _, code in ipairs {
  [[return "\0651\10\9"]], [[return #"\0a\00b\000c"]], [[return "\300"]], [[return "\x41\u0042\z   c"]], "return 'a\\\nb'", "return 'a\nb'", [[return "a\]], "return '\\", [[return "it's" .. 'a "b"']],
  [[return "%d+\.%d+", "\/", "\%", "\-"]], "return [[a\\.b]]", "return [==[a]]b]=]c]==]", "return --[[ \"\\. ]] 5", "return 5 --\\.", "-- [[\nreturn 1", "--[==[\n]]\n]==] return 2", [[return ("\."):rep(3)]],
} do add(code) end

-- The table arg.
for _, code in ipairs {
  "local function f(...) return arg.n end return f(1, nil, nil)", "local function f(a, ...) return arg.n, arg[1], arg[2] end return f(1, 2)", "local function f(...) local x = ... return type(arg) end return f(1)",
  "local function f(...) return function() return arg.n end end return f(1, 2)()", "local function f(...) return (function(...) return arg.n end)(1) + arg.n end return f(1, 2, 3)", "local function f(...) arg.n = 9 return arg.n end return f()",
  "local function f(...) local arg = 5 return arg end return f(1)", "local function f(arg, ...) return arg end return f(7, 8)", "local function f(...) arg = 3 return arg end return f(1), type(arg)", "local t = { arg = 1 } local function f(...) return t.arg end return f(2)",
  "local t = {} function t:m(...) return self == t, arg.n end return t:m(nil)", "local function f(...) return unpack(arg, 1, arg.n) end return f(1, nil, 3)", "local function f(...) return table.getn(arg) end return f(1, 2)", "local function f(...) local function g() return ... end return 1 end return f()",
  "local function f(...) if #arg > 1 then return 'many' else return 'few' end end return f(1), f(1, 2)", "local function f(...) for i, v in ipairs(arg) do if i == 2 then return v end end end return f('a', 'b')", "local function f(...) repeat local x = arg.n until x == 2 return 'done' end return f(1, 2)",
  "local s = '' local function f(...) while arg.n > 0 do s = s .. arg.n arg.n = arg.n - 1 end return s end return f(1, 1, 1)", "return (function(...) return arg end)().n", "local function f(...) do return arg.n end end return f()", "local f = function(a, b, ...) return arg.n end return f(1), f(1, 2, 3)",
  "local function f(...) local n = select('#', ...) return n, arg end return f(1, 2)", "function argless(...) return arg[1] end return argless('x')", "local function f(...) return arg.arg end return f()", "local function f(...) return arg['n'] end return f(5)", "local function f(...)\nreturn arg.n\nend return f(1,\n2)",
} do add(code) end

-- Functions that later versions dropped or changed.
for _, code in ipairs {
  "return math.mod(7, 3), math.mod(-7, 3), math.mod(7, -3), math.mod(5.5, 2)", "return math.fmod(-7, 3), -7 % 3, 7 % -3", "local r = {} for w in string.gfind('one two', '%a+') do r[#r+1] = w end return r[1], r[2], #r", "return pcall(table.setn, {}, 1)",
  "return table.getn { 1, 2, 3 }", "local s = 0 table.foreach({ 1, 2 }, function(k, v) s = s + k * v end) return s", "local s = '' table.foreachi({ 'a', 'b' }, function(i, v) s = s .. i .. v end) return s", "return table.maxn { 1, 2, [10] = 3 }", "return unpack { 1, 2, 3 }", "return unpack({ 1, 2, 3 }, 2, 3)",
  "return loadstring('return 1 + 1')()", "return loadstring('x = = 1') == nil", "return type(newproxy(true)), type(gcinfo())", "return math.pow(2, 10), math.log10(1000), math.ldexp(3, 4), math.frexp(8)", "local f = function() return x end setfenv(f, { x = 5 }) return f(), getfenv(f).x", "return getfenv(0) == _G",
  "module('mine', package.seeall) function f() return 7 end return mine.f(), _M._NAME", "return #arg == 0 or true", "local t = setmetatable({}, { __len = function() return 9 end }) return #t", "local t = setmetatable({}, { __pairs = function() error('never') end }) for k in pairs(t) do end return 'raw'",
  "return tostring(1e15), tostring(1e14), tostring(123456789012), 1e100, 0.1, -0.5, 100, 1e3", "return 10 / 2, 7 / 2, 2^10, 2^0.5 == math.sqrt(2)", "return 'a' .. 1 .. 2.5", "return '10' + 5, '0x10' + 0, '1e2' * 1, ' 5 ' + 1", "return 'abc' + 1", "return 10 == '10', 'a' < 'b', 'Z' < 'a', '' < 'a'", "return 1 < 'x'", "return {} < {}",
  "return not nil, not 0, nil and 1, false or 'x', 1 and 2", "return select('#', nil, nil), select(2, 'a', 'b', 'c'), select(-1, 'a', 'b')", "return tonumber('z', 36), tonumber('ff', 16), tonumber('8', 8), tonumber('  12  '), tonumber('1e1'), tonumber('0x1F'), tonumber('')", "return tonumber('10', 2), tonumber('7', 2), tonumber({}), tonumber(nil)",
  "return next({}), next({ 5 })", "return rawequal('a', 'a'), rawget({ 1 }, 1), #rawset({}, 1, 2)", "return type(nil), type(print), type({}), type('x'), type(2), type(true), type(coroutine.create(function() end))", "return pcall(error, 'x'), pcall(error, { 1 })", "return select(2, pcall(error, 'x', 0)), select(2, pcall(error, nil))", "return xpcall(function() error('a', 0) end, function(m) return m .. 'b' end)",
  "return assert(1, 2, 3)", "return select(2, pcall(assert, false, 'no')), select(2, pcall(assert, nil))", "return tostring(setmetatable({}, { __tostring = function() return 'me' end }))",
} do add(code) end

-- Strings.
for _, code in ipairs {
  "return ('x'):rep(3), ('x'):rep(0), ('x'):rep(-1)", "return ('hello'):sub(2, -2), ('hello'):sub(-3), ('hello'):sub(10), ('hello'):sub(0)", "return ('hello'):find('l'), ('hello'):find('l', 1, true), ('hello'):find('xyz'), ('hello'):find('')", "return ('a.b'):find('.', 1, true), ('a+b'):find('+', 1, true)",
  "return ('key = value'):match('^(%w+)%s*=%s*(%w+)$')", "return ('2024-05-06'):match('(%d+)-(%d+)-(%d+)')", "return ('abc'):gsub('%w', '%0%0'), ('abc'):gsub('b', '%%')", "return ('hello world'):gsub('o', '0', 1)", "return ('abc'):gsub('', '-')", "return ('$name is $age'):gsub('%$(%w+)', { name = 'x', age = 5 })", "return ('abc'):gsub('.', function(c) if c == 'b' then return false end return c:upper() end)",
  "return ('f(a(b)c)d'):match('%b()')", "return ('THE (quick) fox'):find('%((%a+)%)')", "return ('  trim  '):match('^%s*(.-)%s*$')", "return ('x'):byte(), ('abc'):byte(1, -1)", "return string.char(72, 105), string.char()", "return ('%d'):format(3.7), ('%5.2f|%-5d|%05d'):format(3.14159, 42, 42)", "return ('%x %X %o'):format(255, 255, 8)", "return ('%q'):format('a\"b\\\\c\\nd\\0e\\r')", "return ('%s %s'):format(1, 'x'), ('%10.3s|'):format('abcdef'), ('%-10s|'):format('ab')",
  "return ('%c%c'):format(72, 105), ('%%'):format()", "return ('%i'):format(42), ('%u'):format(42)", "return ('%e'):format(12345.678), ('%g'):format(1e20), ('%g'):format(0.0001), ('%G'):format(1e-10)", "return ('%5s|%-5s|'):format('a', 'b')", "return ('%d'):format('10')", "return ('%d'):format('x')", "return ('%y'):format(1)", "return ('%d'):format()", "return ('abc'):upper(), ('ABC'):lower(), ('abc'):reverse(), ('abc'):len(), #'abc'",
  "local r = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do r[#r + 1] = k .. v end return table.concat(r, ';')", "return ('abc'):find('b', -1), ('abc'):find('b', -2)", "return ('a\\0b'):len(), ('a\\0b'):find('\\0', 1, true)", "return ('%a'):rep(2), ('a%b'):gsub('%%', '%%%%')", "return ('x^2'):gsub('%^', '**')", "return ('one;two;;four'):find(';', 1, true)", "return ('[test]'):match('%[(.-)%]')", "return ('THIS'):match('%u+'), ('this'):match('%l+'), ('a1_'):match('[%w_]+')",
  "return ('hello'):match('.-l'), ('hello'):match('.*l')", "return ('abc123'):match('%a+'), ('abc123'):match('%d+'), ('abc123'):match('%D+')", "return ('äö'):len(), ('äö'):upper()", "return tostring(nil), tostring(true), tostring('x')", "return ('x'):rep(3) .. 1, 'a' .. 'b' == 'ab'", "return string.find('a', '[')", "return string.rep()", "return ('abc'):frontier", "return ('THE (quick) fox'):gsub('%f[%a]%a+', string.lower)",
} do add(code) end

-- Each conversion with each value.
for _, spec in ipairs { "%.0f", "%.1f", "%.2f", "%5.1f", "%-8.3f|", "%e", "%.3e", "%g", "%.3g", "%.14g", "%d", "%5d", "%x", "%s", "%10s", "%i", "%05.1f", "%+d", "% d", "%#x" } do
  for _, value in ipairs { "0", "1", "-1", "0.5", "1.5", "2.5", "3.25", "0.125", "-0.75", "1e10", "12345.6789", "'3.25'", "'7'", "1e15" } do add("return string.format('" .. spec .. "', " .. value .. ")") end
end

-- Tables, functions, loops and coroutines.
for _, code in ipairs {
  "local t = { 5, 3, 1 } table.sort(t) return t[1], t[2], t[3]", "local t = { 1, 2, 3 } table.sort(t, function(a, b) return a > b end) return table.concat(t, ',')", "return table.concat({ 1, 'a', 2.5 }, '-'), table.concat({}), table.concat({ 1, 2, 3 }, ',', 2, 3)", "local t = { 1, 2 } table.insert(t, 3) table.insert(t, 1, 0) return table.concat(t, ' '), table.remove(t), table.remove(t, 1), #t", "return table.concat({ {} })",
  "return #{ 1, 2, nil }, #{ n = 1 }, #''", "local t = { [1] = 'a', [2] = 'b', x = 1 } local n = 0 for k in pairs(t) do n = n + 1 end return n", "local s = 0 for i = 10, 1, -3 do s = s * 10 + i end return s", "local s = 0 for i = 1, 0 do s = 1 end return s", "for i = 1, 3 do if i == 2 then return i end end", "local i = 0 repeat local j = i i = i + 1 until j == 3 return i", "local i = 5 while true do i = i - 1 if i < 2 then break end end return i",
  "local co = coroutine.create(function(a) local b = coroutine.yield(a + 1) return b * 2 end) return coroutine.resume(co, 1), select(2, coroutine.resume(co, 5)), coroutine.status(co)", "local f = coroutine.wrap(function() for i = 1, 2 do coroutine.yield(i) end end) return f(), f(), f()", "return coroutine.resume(coroutine.create(function() error('x', 0) end))", "return coroutine.running() == nil or true",
  "local a, b, c = (function() return 1, 2, 3 end)() return a, b, c", "return ((function() return 1, 2 end)())", "local t = { (function() return 1, 2 end)(), (function() return 1, 2 end)() } return #t", "local function f(n) if n == 0 then return 'end' end return f(n - 1) end return f(10000)", "local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end return fib(15)", "local t = {} t.x = t return t.x == t", "a = 5 return _G.a, rawget(_G, 'a')", "local x <const> = 5", "return 1 // 2", "return 5 & 3", "return 1 ~= 2, not (1 == 2)", "return 2^3^2, -2^2, not 1 == 2",
  "return 'a' 'b'", "local t = { f = function(self, x) return x end } return t:f(1), t.f(t, 2)", "local s = ('x').rep('y', 2) return s", "return #'abc' + 1, -'2' + 0", "return ({ 1, 2 })[2], ('abc'):sub(1, 1)", "local mt = { __index = function(t, k) return k .. '!' end, __newindex = function(t, k, v) rawset(t, k, v * 2) end, __call = function(self, x) return x + 1 end } local t = setmetatable({}, mt) t.y = 4 return t.x, t.y, t(1)",
  "local mt = { __add = function(a, b) return 'add' end, __concat = function() return 'cat' end, __eq = function() return true end, __lt = function() return true end, __le = function() return false end, __unm = function() return 'neg' end } local a, b = setmetatable({}, mt), setmetatable({}, mt) return a + b, a .. b, a == b, a < b, a <= b, -a", "local t = setmetatable({}, { __metatable = 'locked' }) return getmetatable(t), pcall(setmetatable, t, {})", "return getmetatable('').__index == string", "return os.time { year = 2020, month = 1, day = 1, hour = 12 } - os.time { year = 2020, month = 1, day = 1, hour = 11 }",
  "return os.date('!%Y-%m-%d %H:%M:%S', 0), os.date('!*t', 86400).day", "return type(os.time()), type(os.clock()), os.getenv('SURELY_NOT_THERE')", "return os.execute('true'), os.execute('exit 3'), io.popen('echo x'):read('*l')", "local p = io.popen('exit 1') return p:read('*a'), p:close()", "return io.open('/surely/not/there') == nil, select(2, io.open('/surely/not/there'))", "local n = os.tmpname() local f = io.open(n, 'w') f:write('a\\n', 2, '\\n') f:close() local r = {} for l in io.lines(n) do r[#r + 1] = l end os.remove(n) return r[1], r[2], #r",
  "local n = os.tmpname() local f = io.open(n, 'w') f:write('12 abc') f:close() f = io.open(n) local a, b = f:read('*n', 2) f:close() os.remove(n) return a, b, io.type(f)", "return math.floor(-1.5), math.ceil(-1.5), math.abs(-3), math.max(1, 5, 3), math.min(2, -1)", "return math.huge, -math.huge, math.pi > 3.14, math.sqrt(16), math.exp(0), math.modf(3.5)", "return math.sin(0), math.cos(0), math.deg(math.pi), math.rad(180) == math.pi", "math.randomseed(1) local r = math.random(1, 10) return r >= 1 and r <= 10, math.random() < 1", "return string.len(nil)",
  "return nil .. 'x'", "local x return x.y", "return (5)()", "error({ code = 1 })", "local t = {} t[nil] = 1", "local t = {} t[0/0] = 1", "return ({})[nil]", "return #5", "return -{}", "for i = 1, 'x' do end", "for i = 'a', 2 do end", "return setmetatable(1, {})", "return ipairs()", "return pairs(nil)", "local t = { 1, 2, 3 } for i, v in ipairs(t) do t[i] = nil end return #t", "return string.byte('', 1), string.byte('a', 5)", "return require", "local ok = pcall(require, 'surely.not.there') return ok", "package.preload.p1 = function(n) return n .. '!' end return require('p1'), package.loaded.p1",
  "return _VERSION", "return debug.getinfo(1, 'l').currentline", "\n\nreturn debug.getinfo(1, 'l').currentline", "local function f(...) return debug.getinfo(1, 'l').currentline, arg.n end\nreturn f(1)", "local s = 'a\\\nb' return debug.getinfo(1, 'l').currentline", "return debug.traceback('x', 1):match('^x\\nstack traceback:') ~= nil", "goto = 1 return goto", "local continue, bit32, utf8 = 1, 2, 3 return continue + bit32 + utf8",
} do add(code) end

local function shown(...)
  local parts = {}
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    local kind = type(v)
    parts[i] = (kind == "table" or kind == "function" or kind == "userdata" or kind == "thread") and kind or tostring(v)
  end
  return table.concat(parts, "\t")
end

for index, code in ipairs(snippets) do
  local function finish(ok, ...) return ok and shown(...) or "error" end
  local chunk = loadstring(code, "=snippet")
  local said = "does not compile"
  if chunk then
    setfenv(chunk, setmetatable({ arg = {} }, { __index = _G }))
    said = finish(pcall(chunk))
  end
  write(index .. ": " .. string.gsub(code, "%c", " ") .. " => " .. said)
end
write(#snippets .. " snippets, " .. #skipped .. " kinds skipped")
