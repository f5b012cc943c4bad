#include "mpc/vec_portable.h"

#include "mpc/kern_all.h"
