#include "CLuaJIT.h"

#include <stdio.h>
#include <string.h>

/* string.format as PUC Lua 5.1 has it. LuaJIT's own rounds halves up, where C's printf, and so 5.1, rounds to even. What 5.1 refuses
 * and LuaJIT takes, %s for any value, stays. */

enum { longestSpec = 20, longestItem = 512 };

static const char flags[] = "-+ #0";

/* The directive behind a % as printf has it: flags, two digits of width, two of precision. */
static const char *directive(lua_State *L, const char *at, char *spec) {
  const char *p = at;
  while (*p != '\0' && strchr(flags, *p) != NULL) p++;
  if ((size_t)(p - at) >= sizeof flags) luaL_error(L, "invalid format (repeated flags)");
  for (int i = 0; i < 2 && *p >= '0' && *p <= '9'; i++) p++;
  if (*p == '.') {
    p++;
    for (int i = 0; i < 2 && *p >= '0' && *p <= '9'; i++) p++;
  }
  if (*p >= '0' && *p <= '9') luaL_error(L, "invalid format (width or precision too long)");
  *spec++ = '%';
  memcpy(spec, at, (size_t)(p - at) + 1);
  spec[p - at + 1] = '\0';
  return p;
}

/* A conversion of whole numbers takes 64 bits. */
static void widen(char *spec) {
  size_t length = strlen(spec);
  char conversion = spec[length - 1];
  strcpy(spec + length - 1, "ll");
  spec[length + 1] = conversion;
  spec[length + 2] = '\0';
}

/* A number as 5.1 casts it, without what C leaves undefined. */
static long long whole(double number) {
  if (number != number) return 0;
  if (number >= 9223372036854775807.0) return 9223372036854775807LL;
  if (number <= -9223372036854775808.0) return -9223372036854775807LL - 1;
  return (long long)number;
}

static void add_quoted(lua_State *L, luaL_Buffer *buffer, int argument) {
  size_t length;
  const char *text = luaL_checklstring(L, argument, &length);
  luaL_addchar(buffer, '"');
  for (size_t i = 0; i < length; i++) {
    switch (text[i]) {
      case '"': case '\\': case '\n':
        luaL_addchar(buffer, '\\');
        luaL_addchar(buffer, text[i]);
        break;
      case '\r': luaL_addlstring(buffer, "\\r", 2); break;
      case '\0': luaL_addlstring(buffer, "\\000", 4); break;
      default: luaL_addchar(buffer, text[i]);
    }
  }
  luaL_addchar(buffer, '"');
}

static int format(lua_State *L) {
  size_t length;
  const char *p = luaL_checklstring(L, 1, &length), *end = p + length;
  int argument = 1, top = lua_gettop(L);
  /* Objects become their texts before the buffer needs the stack. */
  for (int i = 2; i <= top; i++) {
    if (lua_type(L, i) != LUA_TTABLE && lua_type(L, i) != LUA_TUSERDATA) continue;
    if (luaL_callmeta(L, i, "__tostring")) lua_replace(L, i);
  }
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  while (p < end) {
    if (*p != '%') {
      luaL_addchar(&buffer, *p++);
      continue;
    }
    if (*++p == '%') {
      luaL_addchar(&buffer, *p++);
      continue;
    }
    char spec[longestSpec + 4], item[longestItem];
    p = directive(L, p, spec);
    if (++argument > top) return luaL_argerror(L, argument, "no value");
    switch (*p) {
      case 'c': snprintf(item, sizeof item, spec, (int)whole(luaL_checknumber(L, argument)));
        luaL_addlstring(&buffer, item, strlen(item) == 0 ? 1 : strlen(item));
        break;
      case 'd': case 'i':
        widen(spec);
        luaL_addlstring(&buffer, item, (size_t)snprintf(item, sizeof item, spec, whole(luaL_checknumber(L, argument))));
        break;
      case 'o': case 'u': case 'x': case 'X': {
        double number = luaL_checknumber(L, argument);
        widen(spec);
        unsigned long long bits = number >= 9223372036854775808.0 && number < 18446744073709551616.0 ? (unsigned long long)number : (unsigned long long)whole(number);
        luaL_addlstring(&buffer, item, (size_t)snprintf(item, sizeof item, spec, bits));
        break;
      }
      case 'e': case 'E': case 'f': case 'g': case 'G':
        /* 99 digits before the point and 309 behind it at most. */
        luaL_addlstring(&buffer, item, (size_t)snprintf(item, sizeof item, spec, luaL_checknumber(L, argument)));
        break;
      case 'q': add_quoted(L, &buffer, argument); break;
      case 's': {
        size_t count;
        int type = lua_type(L, argument);
        if (type != LUA_TSTRING && type != LUA_TNUMBER) {
          char name[64];
          if (type == LUA_TNIL || type == LUA_TBOOLEAN) snprintf(name, sizeof name, "%s", type == LUA_TNIL ? "nil" : lua_toboolean(L, argument) ? "true" : "false");
          else snprintf(name, sizeof name, "%s: %p", lua_typename(L, type), lua_topointer(L, argument));
          luaL_addlstring(&buffer, item, (size_t)snprintf(item, sizeof item, spec, name));
          break;
        }
        const char *text = luaL_checklstring(L, argument, &count);
        if (strchr(spec, '.') == NULL && count >= 100) {
          /* Too long for a width to matter. */
          lua_pushvalue(L, argument);
          luaL_addvalue(&buffer);
        } else if (spec[1] == 's') {
          luaL_addlstring(&buffer, text, count);
        } else {
          luaL_addlstring(&buffer, item, (size_t)snprintf(item, sizeof item, spec, text));
        }
        break;
      }
      default: return luaL_error(L, "invalid option '%%%c' to 'format'", *p);
    }
    p++;
  }
  luaL_pushresult(&buffer);
  return 1;
}

void twlua_open_format(lua_State *L) {
  lua_getglobal(L, "string");
  lua_pushcfunction(L, format);
  lua_setfield(L, -2, "format");
  lua_pop(L, 1);
}
