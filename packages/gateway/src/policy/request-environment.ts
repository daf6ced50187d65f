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
import {
  type Asker,
  connectionOf,
  ENTITY_TYPES,
  HEADERS,
  mfaAgeMsOf,
  type Named,
  type Question,
} from './question.ts'
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

/** Equal for questions whose action and resource are in the same scopes. */
export function pageOf({ action, resource }: Question): string {
  return `${action}\0${resource.route}\0${resource.upstream}`
}

class RequestEnvironment implements Environment {
  readonly principal: EntityUid
  readonly action: EntityUid
  readonly resource: EntityUid
  readonly context: Attributes
  readonly principalEntity: Entity
  readonly #question: Question
  #resource: Entity | undefined
  #headers: Entity | undefined

  constructor(question: Question, action: EntityUid, address: Extension, timeMs: number) {
    const { uid, entity, scopes } = preparedAsker(question.principal)
    this.principal = uid
    this.action = action
    this.resource = routeUid(question.resource.route)
    this.context = new ContextAttributes(question.context, scopes, address, timeMs)
    this.principalEntity = entity
    this.#question = question
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

interface PreparedAsker {
  readonly uid: EntityUid
  readonly entity: Entity
  readonly scopes: SetValue
}

const askers = new WeakMap<Asker, PreparedAsker>()

/** An identity is prepared once, not once a request. */
function preparedAsker(asker: Asker): PreparedAsker {
  let prepared = askers.get(asker)
  if (prepared === undefined) {
    const { id, kind, issuer, groups, roles, scopes, claims } = asker
    prepared = {
      uid: new EntityUid(ENTITY_TYPES[kind], id),
      entity: {
        attributes: new Map<string, Value>([
          ['kind', kind],
          ['issuer', issuer],
          ['groups', new SetValue(groups)],
          ['roles', new SetValue(roles)],
        ]),
        tags: setsOf(claims),
        ancestors: new Set([
          ...groups.map((group) => entityKey('Group', group)),
          ...roles.map((role) => entityKey('Role', role)),
        ]),
      },
      scopes: new SetValue(scopes),
    }
    askers.set(asker, prepared)
  }
  return prepared
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

function setsOf(lists: Named<readonly string[]>): Attributes {
  return new Map(Object.entries(lists).map(([name, values]) => [name, new SetValue(values)]))
}

function durationOf(ms: number | undefined): Extension | undefined {
  return ms === undefined ? undefined : new Extension('duration', BigInt(ms))
}

/** Values that recur are remembered, so many at most. */
const RECENT_MAX = 1024

const routeUids = new Map<string, EntityUid>()

function routeUid(name: string): EntityUid {
  return recent(routeUids, name, () => new EntityUid('Route', name))
}

const addresses = new Map<string, Extension | undefined>()

function addressOf(text: string): Extension | undefined {
  return recent(addresses, text, () => parseAddress(text))
}

function recent<T>(known: Map<string, T>, name: string, make: () => T): T {
  const found = known.get(name)
  if (found !== undefined || known.has(name)) return found as T
  if (known.size >= RECENT_MAX) known.clear()
  const made = make()
  known.set(name, made)
  return made
}
