/*
 * Makes events at a steady rate: paced_events KIND RATE SECONDS. Prints how
 * many. KIND is "open", which opens and closes a file, or "signal", which sends
 * itself a signal that is ignored.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TURNS_A_SECOND 1000

int main(int argc, char **argv) {
  struct timespec next;
  long rate, seconds, made = 0;
  int is_open;

  if (argc != 4) {
    fputs("Usage: paced_events KIND RATE SECONDS\n", stderr);
    return 2;
  }
  is_open = !strcmp(argv[1], "open");
  rate = atol(argv[2]);
  seconds = atol(argv[3]);
  signal(SIGWINCH, SIG_IGN);
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (long turn = 1; turn <= seconds * TURNS_A_SECOND; turn++) {
    for (; made < turn * rate / TURNS_A_SECOND; made++) {
      if (is_open)
        close(open("/dev/null", O_RDONLY));
      else
        kill(getpid(), SIGWINCH);
    }
    next.tv_nsec += 1000000000 / TURNS_A_SECOND;
    if (next.tv_nsec >= 1000000000) {
      next.tv_nsec -= 1000000000;
      next.tv_sec++;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
  }
  printf("%ld\n", made);
  return 0;
}
