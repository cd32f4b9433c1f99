#define _GNU_SOURCE
#include "CLuaJIT.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static int trampoline(lua_State *L) {
  twlua_native native = (twlua_native)lua_touserdata(L, lua_upvalueindex(1));
  int results = native(L, lua_touserdata(L, lua_upvalueindex(2)), (int)lua_tointeger(L, lua_upvalueindex(3)));
  if (results == TWLUA_RAISE) return lua_error(L);
  if (results == TWLUA_YIELD) return lua_yield(L, 0);
  return results;
}

void twlua_push_native(lua_State *L, twlua_native native, void *context, int index) {
  lua_pushlightuserdata(L, (void *)native);
  lua_pushlightuserdata(L, context);
  lua_pushinteger(L, index);
  lua_pushcclosure(L, trampoline, 3);
}

/* What one state frees, others can use: the allocator that LuaJIT brings keeps the pages of each state's busiest moment. */
static void *allocate(void *context, void *block, size_t old, size_t new) {
  (void)context;
  (void)old;
  if (new == 0) {
    free(block);
    return NULL;
  }
  return realloc(block, new);
}

/* Outside of a protected call nothing but a lack of memory is raised, and no program goes on without it. */
static int panic(lua_State *L) {
  fprintf(stderr, "Lua: %s\n", lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "an error outside of a protected call");
  return 0;
}

void twlua_share_heaps(int count) { mallopt(M_ARENA_MAX, count); }

void twlua_trim_heaps(void) { malloc_trim(0); }

lua_State *twlua_new_state(void) {
  lua_State *L = lua_newstate(allocate, NULL);
  if (L != NULL) lua_atpanic(L, panic);
  return L;
}

int twlua_traceback(lua_State *L) {
  const char *message = lua_tostring(L, 1);
  if (message == NULL) {
    twlua_push_text(L, 1);
    message = lua_tostring(L, -1);
  }
  luaL_traceback(L, L, message, 1);
  return 1;
}

void twlua_push_traceback_handler(lua_State *L) { lua_pushcclosure(L, twlua_traceback, 0); }

void twlua_push_text(lua_State *L, int index) {
  switch (lua_type(L, index)) {
    case LUA_TSTRING:
    case LUA_TNUMBER:
      /* A copy, so that a number in place stays a number. */
      lua_pushvalue(L, index);
      lua_tolstring(L, -1, NULL);
      break;
    case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false"); break;
    case LUA_TNIL: lua_pushstring(L, "nil"); break;
    default: lua_pushfstring(L, "%s: %p", lua_typename(L, lua_type(L, index)), lua_topointer(L, index)); break;
  }
}

/* MARK: Limits and looks from outside, both by a hook */

enum { instructionsPerHook = 10000, lookSignal = SIGURG };
static const char watchKey = 0;

static twlua_watch *watch_of(lua_State *L) {
  lua_pushlightuserdata(L, (void *)&watchKey);
  lua_rawget(L, LUA_REGISTRYINDEX);
  twlua_watch *watch = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return watch;
}

/* With the place of the running function, which in a hook is at level 0. */
static void refuse(lua_State *L, const char *format, double bound) {
  luaL_where(L, 0);
  lua_pushfstring(L, format, bound);
  lua_concat(L, 2);
  lua_error(L);
}

int twlua_holds_too_much(lua_State *L) {
  twlua_watch *watch = watch_of(L);
  if (watch == NULL || watch->bytes <= 0 || (double)lua_gc(L, LUA_GCCOUNT, 0) * 1024 <= watch->bytes) return 0;
  lua_gc(L, LUA_GCCOLLECT, 0);
  return (double)lua_gc(L, LUA_GCCOUNT, 0) * 1024 > watch->bytes;
}

static void count(lua_State *L, lua_Debug *record) {
  (void)record;
  twlua_watch *watch = watch_of(L);
  if (watch == NULL) return;
  watch->used += instructionsPerHook;
  if (watch->instructions > 0 && watch->used > watch->instructions)
    refuse(L, "more than %f instructions without a pause (maxInstructions)", watch->instructions);
  if (twlua_holds_too_much(L)) refuse(L, "more than %f bytes of memory (maxMemory)", watch->bytes);
}

static void set_hook(lua_State *L, const twlua_watch *watch) {
  int isLimited = watch->instructions > 0 || watch->bytes > 0;
  lua_sethook(L, isLimited ? count : NULL, isLimited ? LUA_MASKCOUNT : 0, isLimited ? instructionsPerHook : 0);
}

void twlua_set_watch(lua_State *L, twlua_watch *watch) {
  lua_pushlightuserdata(L, (void *)&watchKey);
  lua_pushlightuserdata(L, watch);
  lua_rawset(L, LUA_REGISTRYINDEX);
  /* Compiled code is not counted. */
  if (watch->instructions > 0 || watch->bytes > 0) luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
  set_hook(L, watch);
}

/* Runs in the state's own thread, between two instructions. */
static void look(lua_State *L, lua_Debug *record) {
  (void)record;
  twlua_watch *watch = watch_of(L);
  if (watch == NULL) return;
  set_hook(L, watch);
  luaL_traceback(L, L, NULL, 0);
  const char *text = lua_tostring(L, -1);
  watch->report(watch->context, text == NULL ? "" : text);
  lua_pop(L, 1);
}

/* The state that this thread runs. */
static __thread lua_State *running;

void twlua_enter(lua_State *L) { running = L; }

static void signalled(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)context;
  lua_State *L = running;
  /* It may have come too late. Setting a hook is what a signal handler may do to a running state. */
  if (L != NULL && L == info->si_value.sival_ptr) lua_sethook(L, look, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

static void install(void) {
  struct sigaction action = {.sa_sigaction = signalled, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(lookSignal, &action, NULL);
}

int twlua_look(pthread_t thread, lua_State *L) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install);
  union sigval value = {.sival_ptr = L};
  return pthread_sigqueue(thread, lookSignal, value);
}
