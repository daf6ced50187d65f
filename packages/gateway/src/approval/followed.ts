import { z } from 'zod'
import { activationSchema } from './activation.ts'
import { ActiveGlass } from './active-glass.ts'
import { approvalSchema } from './approval.ts'
import { type ApprovedRequest, type Granted, GrantIndex, templatesOf } from './grant-index.ts'
import type { Person } from './person.ts'

const standingSchema = z.strictObject({
  grants: z.array(approvalSchema.required({ grant: true })),
  active: z.array(activationSchema),
})

/** What is granted, and what glass is broken, as decisions see it. */
export type Standing = z.infer<typeof standingSchema>

/**
 * What another process has let somebody do, which keeps it, counts its uses and ends it: enough to
 * decide by, and nothing that is spent here.
 */
export class Followed {
  #grants = new GrantIndex()
  #glass = new ActiveGlass()

  /** Goes by these, and by nothing that was told before. `standing` is JSON of a `Standing`. */
  follow(standing: string): void {
    const { grants, active } = standingSchema.parse(JSON.parse(standing))
    this.#grants = new GrantIndex()
    this.#glass = new ActiveGlass()
    for (const granted of grants) this.#grants.add(granted satisfies Granted)
    for (const activation of active) this.#glass.note(activation)
  }

  /** Templates of which this request has a grant in force. */
  inForce(request: ApprovedRequest, atUs: number): readonly string[] {
    return templatesOf(this.#grants.covering(request, atUs))
  }

  /** The activation that this principal acts under. */
  activeOf(principal: Pick<Person, 'issuer' | 'id'>, atUs: number): string | undefined {
    return this.#glass.of(principal, atUs)
  }
}
