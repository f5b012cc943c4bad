#if defined(__x86_64__)
#include "mpc/vec_vaes.h"

#include "mpc/kern_all.h"
#endif
