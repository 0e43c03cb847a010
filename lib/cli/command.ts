// A command of the program bpf-ringbuf.

/** Where a command prints to. */
export interface Output {
  write(text: string): void
  /** Whether it is a terminal that shows colours. */
  readonly colored: boolean
  /** How wide lines may be; nothing where they may have any length. */
  readonly columns: number | undefined
  /** Nobody reads it any more: what is written goes nowhere. */
  readonly closed: boolean
  /** Resolves when it takes more without keeping it in memory, or is closed. */
  drained(): Promise<void>
}

export interface Command {
  readonly name: string
  /** For the list of commands. */
  readonly summary: string
  readonly usage: string
  /** Whether --help among these arguments is for whom the command starts. */
  hasOwnHelp?(args: readonly string[]): boolean
  /**
   * Runs it; gives its exit status.
   *
   * @param args What follows the command's name.
   * @param output What was asked for.
   * @param errors What else there is to say.
   * @throws UsageError for a wrong command line.
   */
  run(args: readonly string[], output: Output, errors: Output): Promise<number>
}
