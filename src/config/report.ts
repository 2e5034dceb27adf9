type Finding = { readonly line: number; readonly sentence: string }

/** What reading the settings has found so far. Sentences carry no secret: they end up in logs. */
export class Report {
  readonly #fileName: string
  readonly #problems: Finding[] = []
  readonly #warnings: Finding[] = []

  constructor(fileName: string) {
    this.#fileName = fileName
  }

  /** What keeps the server from starting. Line 0: not from the file, but a flag or a variable. */
  problem(line: number, sentence: string) {
    this.#problems.push({ line, sentence })
  }

  warning(line: number, sentence: string) {
    this.#warnings.push({ line, sentence })
  }

  get warnings(): readonly string[] {
    return this.#told(this.#warnings)
  }

  get problems(): readonly string[] {
    return this.#told(this.#problems)
  }

  #told(findings: readonly Finding[]): readonly string[] {
    const sentences = findings
      .toSorted((a, b) => a.line - b.line)
      .map(({ line, sentence }) =>
        line === 0 ? sentence : `${this.#fileName}:${line}: ${sentence}`,
      )
    return [...new Set(sentences)]
  }
}
