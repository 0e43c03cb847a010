// Why a struct that the source has is not in the object's BTF.

/** @param name The struct's, where C code may name it. */
export function leftOutHint(name = 'NAME'): string {
  return (
    'clang leaves out what only local variables use, unless a global refers to it: ' +
    `struct ${name} *unused __attribute__((unused))`
  )
}
