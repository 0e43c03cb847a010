// A program with a USDT probe, made as <sys/sdt.h> does: on each line of its
// input the probe "bpfrb_test:line" is passed, with the line's number.
#include <stdio.h>

// The semaphore counts who listens; the kernel writes it.
__extension__ unsigned short bpfrb_test_line_semaphore
    __attribute__((unused, section(".probes")));

__attribute__((noinline)) int probed(int number) {
  __asm__ __volatile__(
      "990: nop\n"
      ".pushsection .note.stapsdt,\"\",\"note\"\n"
      ".balign 4\n"
      ".4byte 992f-991f, 994f-993f, 3\n"
      "991: .asciz \"stapsdt\"\n"
      "992: .balign 4\n"
      "993: .8byte 990b\n"
      ".8byte _.stapsdt.base\n"
      ".8byte bpfrb_test_line_semaphore\n"
      ".asciz \"bpfrb_test\"\n"
      ".asciz \"line\"\n"
      ".asciz \"-4@%0\"\n"
      "994: .balign 4\n"
      ".popsection\n"
      ".ifndef _.stapsdt.base\n"
      ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"
      ".weak _.stapsdt.base\n"
      ".hidden _.stapsdt.base\n"
      "_.stapsdt.base: .space 1\n"
      ".size _.stapsdt.base, 1\n"
      ".popsection\n"
      ".endif\n"
      :
      : "r"(number));
  return number;
}

int main(void) {
  int number = 0;
  for (int next; (next = getchar()) != EOF;) {
    if (next != '\n') continue;
    probed(++number);
    printf("%d\n", bpfrb_test_line_semaphore);
    fflush(stdout);
  }
  return 0;
}
