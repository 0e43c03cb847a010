// What gcc's libstdc++ wants of glibc and musl does not have: make-musl.sh.
#include <stddef.h>

extern int getentropy(void* bytes, size_t size);
extern int pthread_key_create(unsigned* key, void (*destroy)(void*));

char __libc_single_threaded;

unsigned arc4random(void) {
  unsigned word = 0;
  getentropy(&word, sizeof word);
  return word;
}

// Not found here: it looks by itself then.
int _dl_find_object(void* address, void* result) {
  (void)address, (void)result;
  return -1;
}

int __pthread_key_create(unsigned* key, void (*destroy)(void*)) {
  return pthread_key_create(key, destroy);
}

void _ITM_registerTMCloneTable(void) {}
void _ITM_deregisterTMCloneTable(void) {}
