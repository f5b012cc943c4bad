#if defined(__x86_64__)
#include "mpc/vec_aesni.h"

#include "mpc/kern_all.h"
#endif
