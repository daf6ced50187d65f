/** How long, and where the figures go. */
export interface Plan {
  readonly minutes: number
  readonly say: (line: string) => void
}

/** One load: fails where a promise is broken, says what it measured. */
export type LoadCase = (plan: Plan) => Promise<void>
