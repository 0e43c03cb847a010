// A command of the program bpf-ringbuf.

/** Where a command prints to. */
export interface Output {
  write(text: string): void
  /** Whether it is a terminal that shows colours. */
  readonly colored: boolean
}

export interface Command {
  readonly name: string
  /** For the list of commands. */
  readonly summary: string
  readonly usage: string
  /**
   * Runs it; gives its exit status.
   *
   * @param args What follows the command's name.
   * @param errors For what goes beside the output.
   * @throws UsageError for a wrong command line.
   */
  run(args: readonly string[], output: Output, errors: Output): Promise<number>
}
