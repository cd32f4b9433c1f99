-- While it is locked, callbacks into this script wait.
return { lock = function() native.lock() end, unlock = function() native.unlock() end }
