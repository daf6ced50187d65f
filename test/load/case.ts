/** How long, how long a caller rests between two requests, and where the figures go. */
export interface Plan {
  readonly minutes: number
  /** As long as the load itself says, where nothing stands. */
  readonly pauseMs?: number
  readonly say: (line: string) => void
}

/** One load: fails where a promise is broken, says what it measured. */
export type LoadCase = (plan: Plan) => Promise<void>
