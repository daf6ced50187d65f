import { knownAsker, setsOf } from './asker.ts'
import {
  type Attributes,
  type Entity,
  EntityUid,
  type Environment,
  Extension,
  entityKey,
  NO_ANCESTORS,
  NOTHING,
  parseAddress,
  SetValue,
  type Value,
} from './compiler/index.ts'
import { connectionOf, HEADERS, mfaAgeMsOf, type Question } from './question.ts'
import { METHODS, type Method, READ_METHODS } from './schema.ts'

/** The years 0 to 9999: what `datetime` can write. */
const TIME_MS_MIN = -62_167_219_200_000
const TIME_MS_MAX = 253_402_300_799_999

/** The question as compiled policies see it; undefined for one that no policy can be asked. */
export function environmentOf(question: Question): Environment | undefined {
  const action = ACTION_UIDS.get(question.action)
  const address = addressOf(question.context.address)
  const timeMs = Math.floor(question.context.timeUs / 1000)
  const isTime = timeMs >= TIME_MS_MIN && timeMs <= TIME_MS_MAX
  if (action === undefined || address === undefined || !isTime) return undefined
  return new RequestEnvironment(question, action, address, timeMs)
}

/** What is known of a route by its name, under one upstream. */
interface Place {
  readonly uid: EntityUid
  readonly upstream: string
  readonly pages: Map<Method, string>
}

const places = new Map<string, Place>()

function placeOf({ route, upstream }: Question['resource']): Place {
  const known = places.get(route)
  if (known?.upstream === upstream) return known
  if (places.size >= RECENT_MAX) places.clear()
  const place = { uid: new EntityUid('Route', route), upstream, pages: new Map<Method, string>() }
  places.set(route, place)
  return place
}

/** Equal for questions whose action and resource are in the same scopes. */
export function pageOf({ action, resource }: Question): string {
  const { pages } = placeOf(resource)
  let page = pages.get(action)
  if (page === undefined) {
    page = `${action}\0${resource.route}\0${resource.upstream}`
    if (ACTION_UIDS.has(action)) pages.set(action, page)
  }
  return page
}

class RequestEnvironment implements Environment {
  readonly principal: EntityUid
  readonly action: EntityUid
  readonly resource: EntityUid
  readonly principalEntity: Entity
  readonly #question: Question
  readonly #scopes: SetValue
  readonly #address: Extension
  readonly #timeMs: number
  #context: Attributes | undefined
  #resource: Entity | undefined
  #headers: Entity | undefined

  constructor(question: Question, action: EntityUid, address: Extension, timeMs: number) {
    const { uid, entity, scopes } = knownAsker(question.principal)
    this.principal = uid
    this.action = action
    this.resource = placeOf(question.resource).uid
    this.principalEntity = entity
    this.#question = question
    this.#scopes = scopes
    this.#address = address
    this.#timeMs = timeMs
  }

  get context(): Attributes {
    const { context } = this.#question
    this.#context ??= new ContextAttributes(context, this.#scopes, this.#address, this.#timeMs)
    return this.#context
  }

  get resourceEntity(): Entity {
    this.#resource ??= resourceEntity(this.#question.resource)
    return this.#resource
  }

  entity(key: string): Entity | undefined {
    if (key === this.principal.key) return this.principalEntity
    if (key === this.resource.key) return this.resourceEntity
    if (key === HEADERS_UID.key) {
      this.#headers ??= {
        attributes: NOTHING,
        tags: setsOf(this.#question.context.headers),
        ancestors: NO_ANCESTORS,
      }
      return this.#headers
    }
    return ACTION_ENTITIES.get(key)
  }
}

/** The facts of the context, each made when a policy asks for it. */
class ContextAttributes implements Attributes {
  readonly #context: Question['context']
  readonly #scopes: SetValue
  readonly #address: Extension
  readonly #timeMs: number

  constructor(context: Question['context'], scopes: SetValue, address: Extension, timeMs: number) {
    this.#context = context
    this.#scopes = scopes
    this.#address = address
    this.#timeMs = timeMs
  }

  get(name: string): Value | undefined {
    const context = this.#context
    switch (name) {
      case 'time':
        return new Extension('datetime', BigInt(this.#timeMs))
      case 'address':
        return this.#address
      case 'tls':
        return context.tls !== undefined
      case 'connection':
        return context.tls && new Map(Object.entries(connectionOf(context.tls)))
      case 'operation':
        return context.operation
      case 'credential':
        return context.credential
      case 'scopes':
        return this.#scopes
      case 'mfaAge':
        return durationOf(mfaAgeMsOf(context))
      case 'headers':
        return HEADERS_UID
      case 'grants':
        return new SetValue(context.grants)
      case 'breakGlass':
        return context.breakGlass
      default:
        return undefined
    }
  }

  *entries(): Iterable<readonly [string, Value]> {
    for (const name of CONTEXT_NAMES) {
      const value = this.get(name)
      if (value !== undefined) yield [name, value]
    }
  }
}

const CONTEXT_NAMES = [
  'time',
  'address',
  'tls',
  'connection',
  'operation',
  'credential',
  'scopes',
  'mfaAge',
  'headers',
  'grants',
  'breakGlass',
] as const

const HEADERS_UID = new EntityUid(HEADERS.type, HEADERS.id)

const ACTION_UIDS: ReadonlyMap<string, EntityUid> = new Map(
  METHODS.map((method) => [method, new EntityUid('Action', method)]),
)

const ACTION_ENTITIES: ReadonlyMap<string, Entity> = new Map([
  ...METHODS.map((method): [string, Entity] => [
    entityKey('Action', method),
    actionEntity(new Set([entityKey('Action', groupOf(method))])),
  ]),
  ...['read', 'write'].map((group): [string, Entity] => [
    entityKey('Action', group),
    actionEntity(NO_ANCESTORS),
  ]),
])

function actionEntity(ancestors: ReadonlySet<string>): Entity {
  return { attributes: NOTHING, tags: NOTHING, ancestors }
}

function groupOf(method: Method): string {
  return READ_METHODS.includes(method) ? 'read' : 'write'
}

function resourceEntity({ upstream, host, path, parameters }: Question['resource']): Entity {
  return {
    attributes: new Map([
      ['upstream', upstream],
      ['host', host],
      ['path', path],
    ]),
    tags: new Map(Object.entries(parameters)),
    ancestors: new Set([entityKey('Upstream', upstream)]),
  }
}

function durationOf(ms: number | undefined): Extension | undefined {
  return ms === undefined ? undefined : new Extension('duration', BigInt(ms))
}

/** Values that recur are remembered, so many at most. */
const RECENT_MAX = 1024

const addresses = new Map<string, Extension | undefined>()

function addressOf(text: string): Extension | undefined {
  const found = addresses.get(text)
  if (found !== undefined || addresses.has(text)) return found
  if (addresses.size >= RECENT_MAX) addresses.clear()
  const made = parseAddress(text)
  addresses.set(text, made)
  return made
}
