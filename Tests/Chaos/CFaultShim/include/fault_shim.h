// What the shim replaces is declared by the system.
