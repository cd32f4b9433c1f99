/* LuaJIT's C API as Swift can call it safely.
 *
 * An error in Lua leaves a C function by jumping over the frames above it, and Swift frames must never be jumped over.
 * So Swift only calls functions that raise no error but out-of-memory, runs Lua only through lua_pcall and lua_resume,
 * and raises an error itself only by returning TWLUA_RAISE to the trampoline below, which is C. */
#pragma once

#include <pthread.h>

#include <luajit-2.1/lua.h>
#include <luajit-2.1/lauxlib.h>
#include <luajit-2.1/lualib.h>
#include <luajit-2.1/luajit.h>

/* What a native function returns besides a count of results. */
#define TWLUA_RAISE (-1)
#define TWLUA_YIELD (-2)

typedef int (*twlua_native)(lua_State *L, void *context, int index);

/* Pushes a function that calls `native` with `context` and `index`. With TWLUA_RAISE the value on the top is raised as an
 * error, with TWLUA_YIELD the running coroutine is suspended without values. */
void twlua_push_native(lua_State *L, twlua_native native, void *context, int index);

/* Has so many heaps serve all threads of the process. */
void twlua_share_heaps(int count);

/* Gives free pages back to the system. */
void twlua_trim_heaps(void);

/* An empty state, or NULL. */
lua_State *twlua_new_state(void);

/* Puts into the table `string` a `format` that writes numbers and %q as PUC Lua 5.1 does: by the C library. */
void twlua_open_format(lua_State *L);

/* A message handler for lua_pcall: adds a traceback to a message. */
int twlua_traceback(lua_State *L);
void twlua_push_traceback_handler(lua_State *L);

/* The text of a value, also of tables and nil; never raises. Pushes it. */
void twlua_push_text(lua_State *L, int index);

static inline void twlua_pop(lua_State *L, int count) { lua_settop(L, -count - 1); }
static inline int twlua_upvalue(int index) { return lua_upvalueindex(index); }
static inline int twlua_registry(void) { return LUA_REGISTRYINDEX; }
static inline int twlua_globals(void) { return LUA_GLOBALSINDEX; }

/* Bounds of one state: instructions of one run from entry to suspension, and bytes; 0: none. Compiled code is not counted,
   so a state with bounds is interpreted. And who is told where the state is when somebody looks. */
typedef struct {
  double instructions;
  double bytes;
  double used;
  void (*report)(void *context, const char *traceback);
  void *context;
} twlua_watch;

/* `watch` has to live as long as the state. */
void twlua_set_watch(lua_State *L, twlua_watch *watch);

/* Whether the state holds more than its watch allows, for functions in C that make many values without an instruction between. */
int twlua_holds_too_much(lua_State *L);

/* To be called before a thread runs a state, and with NULL after it. */
void twlua_enter(lua_State *L);

/* Has the state tell where it is, as soon as the interpreter gets to its next instruction; code that is compiled, and
   functions in C, go on first. `thread` is the one that runs it right now. */
int twlua_look(pthread_t thread, lua_State *L);
