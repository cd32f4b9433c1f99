-- While it is locked, callbacks into this script wait.
local tw_mutex = {}

-- Waits for the lock, and holds it until unlock, also over pauses; a second lock of the same script does nothing more.
function tw_mutex.lock() native.lock() end

-- Lets callbacks in. Does nothing where the lock is not held. The end of the script's main part unlocks too.
function tw_mutex.unlock() native.unlock() end

return tw_mutex
