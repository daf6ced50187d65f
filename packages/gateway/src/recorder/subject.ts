import type { Where, Who } from '@countersign/evidence'
import type { Subject } from '../vault/index.ts'
import { partyOf } from './party.ts'

/** Whose key the personal sections go under: nobody is taken for who they only claim to be. */
export function subjectOf(who: Who | undefined, where: Where): Subject {
  if (who === undefined || who.principal.kind === 'anonymous') return { anonymous: where.address }
  const party = partyOf(who)
  return party ?? { issuer: who.principal.issuer ?? '', id: who.principal.id }
}
