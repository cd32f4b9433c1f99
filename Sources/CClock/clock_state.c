#include "clock_state.h"
