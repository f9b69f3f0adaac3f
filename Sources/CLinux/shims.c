// The module is headers only; a target needs one source file.
#include "CLinux.h"
