import { accept } from './accept.ts'
import { approve } from './approve.ts'
import { capture } from './capture/capture-stage.ts'
import { containCaller, containRequest } from './contain.ts'
import type { ProxyContext } from './context.ts'
import { decide } from './decide.ts'
import type { Exchange, Step } from './exchange.ts'
import { forward } from './forward.ts'
import { identify } from './identify.ts'
import { inspect } from './inspect.ts'
import { limit } from './limit.ts'
import { answerOwn } from './own.ts'
import { record } from './record.ts'
import { release } from './release.ts'
import { requireSpace } from './require-space.ts'
import { reserve } from './reserve.ts'
import { route } from './route.ts'
import type { Phase } from './server-timing.ts'
import { shed } from './shed.ts'
import { checkOrigin } from './websocket/origin-stage.ts'
import { tunnel } from './websocket/tunnel-stage.ts'

type Stage = (exchange: Exchange, context: ProxyContext) => Step | Promise<Step>

/** The life of a request. Up to `record` a stop is a refusal; from there on it is an outcome. */
export const STAGES: readonly Stage[] = [
  shed,
  accept,
  answerOwn,
  route,
  requireSpace,
  containRequest,
  identify,
  checkOrigin,
  containCaller,
  limit,
  inspect,
  decide,
  reserve,
  capture,
  approve,
  record,
  forward,
  tunnel,
  release,
]

/** Which phase each of them begins, for answers that tell how long it took. */
export const PHASES: ReadonlyMap<Stage, Phase> = new Map<Stage, Phase>([
  [identify, 'identify'],
  [limit, 'decide'],
  [record, 'record'],
  [forward, 'upstream'],
])
