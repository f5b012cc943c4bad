/* The entry that libFuzzer calls, and the corpus tests as well. */
#ifndef PET_TESTS_FUZZ_H
#define PET_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
