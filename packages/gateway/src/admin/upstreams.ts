import { plain } from './containment.ts'
import { answer } from './problem.ts'
import type { ActDone, AdminParts } from './route.ts'

/** States and counts of every target. */
export function listUpstreams(_request: Request, { upstreams }: AdminParts): ActDone {
  return { response: answer({ upstreams: upstreams().map(plain) }) }
}
