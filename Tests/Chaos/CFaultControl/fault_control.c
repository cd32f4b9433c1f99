#include "fault_control.h"
