-- As the handler http, with TLS.
module("handlers.https", thingworx.handler.extend)

local secure = require("handlers.http").of(true)
read, write = secure.read, secure.write
