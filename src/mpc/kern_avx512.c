#if defined(__x86_64__)
#include "mpc/vec_avx512.h"

#include "mpc/kern_all.h"
#endif
