/* Every kernel, once per level: the bodies that kern_LEVEL.c compiles. A new `*_kern.h` is a line here. */
#include "mpc/aes_kern.h"
#include "mpc/gf128_kern.h"
#include "mpc/ggm_kern.h"
#include "mpc/hash_kern.h"
#include "mpc/lpn_code_kern.h"
#include "mpc/ot_softspoken_kern.h"
#include "mpc/transpose_kern.h"
#include "mpc/vec_kern.h"
