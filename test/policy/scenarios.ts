// Small worlds in the manner of Cedar's own examples: policies, entities, and everything to ask.
import type { CedarValueJson, EntityJson } from '../../packages/gateway/src/policy/testing.ts'

export interface Scenario {
  readonly name: string
  readonly policies: readonly string[]
  readonly entities: readonly EntityJson[]
  readonly principals: readonly string[]
  readonly actions: readonly string[]
  readonly resources: readonly string[]
  readonly contexts: readonly Readonly<Record<string, CedarValueJson>>[]
}

/** `Type::id` as the JSON of an entity's name. */
export function uid(name: string): { readonly type: string; readonly id: string } {
  const at = name.lastIndexOf('::')
  return { type: name.slice(0, at), id: name.slice(at + 2) }
}

const ref = (name: string): CedarValueJson => ({ __entity: uid(name) })
const date = (arg: string): CedarValueJson => ({ __extn: { fn: 'datetime', arg } })
const address = (arg: string): CedarValueJson => ({ __extn: { fn: 'ip', arg } })
const decimal = (arg: string): CedarValueJson => ({ __extn: { fn: 'decimal', arg } })

function entity(
  name: string,
  parents: readonly string[] = [],
  attrs: Readonly<Record<string, CedarValueJson>> = {},
  tags: Readonly<Record<string, CedarValueJson>> = {},
): EntityJson {
  return { uid: uid(name), parents: parents.map(uid), attrs: { ...attrs }, tags: { ...tags } }
}

const PHOTOS: Scenario = {
  name: 'photos in albums in accounts',
  policies: [
    `permit (principal in Group::"friends", action in [Action::"view", Action::"comment"],
       resource in Album::"holiday");`,
    `permit (principal, action == Action::"view", resource) when { resource.isPublic };`,
    `permit (principal, action, resource)
       when { resource has owner && resource.owner == principal };`,
    `forbid (principal, action, resource)
       when { resource has labels && resource.labels.containsAny(["private", "secret"]) }
     unless { resource has owner && resource.owner == principal };`,
    `permit (principal == User::"admin", action, resource in Account::"ann")
       unless { context.readOnly && action != Action::"view" };`,
  ],
  entities: [
    entity('User::ann', ['Group::family']),
    entity('User::ben', ['Group::friends']),
    entity('User::admin'),
    entity('Group::family', ['Group::friends']),
    entity('Account::ann'),
    entity('Album::holiday', ['Account::ann']),
    entity('Photo::beach', ['Album::holiday'], {
      owner: ref('User::ann'),
      isPublic: true,
      labels: ['sea', 'sun'],
    }),
    entity('Photo::diary', ['Album::holiday'], {
      owner: ref('User::ann'),
      isPublic: false,
      labels: ['private'],
    }),
    entity('Photo::stray', [], { isPublic: false }),
    entity('Action::comment', ['Action::view']),
  ],
  principals: ['User::ann', 'User::ben', 'User::admin', 'User::nobody'],
  actions: ['Action::view', 'Action::comment', 'Action::delete'],
  resources: ['Photo::beach', 'Photo::diary', 'Photo::stray', 'Photo::gone', 'Album::holiday'],
  contexts: [{ readOnly: true }, { readOnly: false }, {}],
}

const DOCUMENTS: Scenario = {
  name: 'documents shared with people and the public, and people who block each other',
  policies: [
    `permit (principal, action == Action::"read", resource)
       when { principal in resource.readers || principal in resource.editors };`,
    `permit (principal, action in [Action::"read", Action::"edit"], resource)
       when { principal in resource.editors };`,
    `permit (principal, action == Action::"read", resource)
       when { resource.public == "everybody" };`,
    `forbid (principal, action, resource)
       when { resource.owner.blocked.contains(principal) ||
         principal.blocked.contains(resource.owner) };`,
    `forbid (principal, action, resource)
       unless { context has session.signedIn && context.session.signedIn };`,
    `permit (principal, action, resource) when { resource.owner == principal };`,
  ],
  entities: [
    entity('User::ann', ['Team::law'], { blocked: [ref('User::eve')] }),
    entity('User::ben', [], { blocked: [] }),
    entity('User::eve', ['Team::law'], { blocked: [] }),
    entity('User::dan', [], { blocked: [ref('User::ann')] }),
    entity('Team::law', ['Team::all']),
    entity('Document::contract', [], {
      owner: ref('User::ann'),
      public: 'nobody',
      readers: [ref('Team::law'), ref('User::dan')],
      editors: [ref('User::ben')],
    }),
    entity('Document::notice', [], {
      owner: ref('User::ann'),
      public: 'everybody',
      readers: [],
      editors: [ref('Team::all')],
    }),
    entity('Document::orphan', [], {
      owner: ref('User::left'),
      public: 'everybody',
      readers: [],
      editors: [],
    }),
  ],
  principals: ['User::ann', 'User::ben', 'User::eve', 'User::dan', 'User::left'],
  actions: ['Action::read', 'Action::edit'],
  resources: ['Document::contract', 'Document::notice', 'Document::orphan'],
  contexts: [
    { session: { signedIn: true } },
    { session: { signedIn: false } },
    { session: {} },
    {},
  ],
}

const REPOSITORIES: Scenario = {
  name: 'repositories with roles that hold each other',
  policies: [
    `permit (principal, action == Git::Action::"pull", resource)
       when { principal in resource.roles.readers };`,
    `permit (principal, action in [Git::Action::"pull", Git::Action::"push"], resource)
       when { principal in resource.roles["writers"] };`,
    `permit (principal is Git::User in Git::Group::"owners", action, resource is Git::Repository);`,
    `forbid (principal, action == Git::Action::"push", resource)
       when { resource.archived || resource.name like "*-frozen" };`,
    `permit (principal, action, resource is Git::Issue)
       when { resource.reporter == principal && resource in Git::Repository::"tool" };`,
  ],
  entities: [
    entity('Git::User::ann', ['Git::Group::writers']),
    entity('Git::User::ben', ['Git::Group::readers']),
    entity('Git::Bot::ci', ['Git::Group::owners']),
    entity('Git::User::own', ['Git::Group::owners']),
    entity('Git::Group::writers', ['Git::Group::readers']),
    entity('Git::Group::owners', ['Git::Group::writers']),
    ...['tool', 'tool-frozen', 'old'].map((id) =>
      entity(`Git::Repository::${id}`, [], {
        name: id,
        archived: id === 'old',
        roles: { readers: ref('Git::Group::readers'), writers: ref('Git::Group::writers') },
      }),
    ),
    entity('Git::Issue::1', ['Git::Repository::tool'], { reporter: ref('Git::User::ben') }),
  ],
  principals: ['Git::User::ann', 'Git::User::ben', 'Git::Bot::ci', 'Git::User::own'],
  actions: ['Git::Action::pull', 'Git::Action::push'],
  resources: [
    'Git::Repository::tool',
    'Git::Repository::tool-frozen',
    'Git::Repository::old',
    'Git::Issue::1',
  ],
  contexts: [{}],
}

const STREAMING: Scenario = {
  name: 'films by subscription, date and age',
  policies: [
    `permit (principal is Subscriber, action == Action::"watch", resource is Film)
       when { !resource.needsRental };`,
    `permit (principal, action == Action::"rent", resource)
       when { context.now >= resource.release.offset(duration("-14d")) &&
         context.now < resource.release.offset(duration("1d")) };`,
    `permit (principal, action == Action::"watch", resource)
       when { principal.tier == "premium" &&
         context.now.durationSince(resource.release) >= duration("-1h") };`,
    `forbid (principal, action == Action::"watch", resource)
       when { resource has ageMin &&
         principal.birth.offset(duration("365d")).toDate() > context.now &&
         resource.ageMin > 0 };`,
    `forbid (principal, action, resource)
       when { context.now.toTime() < duration("6h30m") && resource.needsRental };`,
    `permit (principal is FreeMember, action == Action::"watch", resource)
       when { resource.release.durationSince(context.now).toDays() <= -10 };`,
  ],
  entities: [
    entity('Subscriber::ann', [], { tier: 'premium', birth: date('1990-02-28') }),
    entity('Subscriber::kid', [], { tier: 'basic', birth: date('2026-03-01') }),
    entity('FreeMember::ben', [], { tier: 'none', birth: date('2001-01-01') }),
    entity('Film::new', [], { needsRental: true, release: date('2026-06-01T20:00:00Z') }),
    entity('Film::old', [], { needsRental: false, release: date('1999-12-31'), ageMin: 16 }),
  ],
  principals: ['Subscriber::ann', 'Subscriber::kid', 'FreeMember::ben'],
  actions: ['Action::watch', 'Action::rent'],
  resources: ['Film::new', 'Film::old'],
  contexts: [
    '2026-05-18T19:59:59.999Z',
    '2026-05-18T20:00:00Z',
    '2026-06-01T19:00:00Z',
    '2026-06-02T05:00:00+0100',
    '2026-06-02T20:00:00Z',
    '2026-06-12T20:00:01Z',
    '1999-12-30',
  ].map((now) => ({ now: date(now) })),
}

const HOTELS: Scenario = {
  name: 'hotels in chains, viewed by whoever may change them',
  policies: [
    `permit (principal, action == Action::"view", resource)
       when { principal.viewer.contains(resource) || principal.editor.contains(resource) };`,
    `permit (principal, action in Action::"change", resource in Chain::"north")
       when { principal.editor.containsAll([Chain::"north", Hotel::"fjord"]) };`,
    `permit (principal, action, resource)
       when { principal has limit &&
         context.price.lessThanOrEqual(principal.limit) &&
         resource in principal.editor };`,
    `forbid (principal, action, resource)
       when { context.price.greaterThan(decimal("99999.9999")) ||
         context.rooms * context.nights > 1000 };`,
    `forbid (principal, action, resource) when { -context.rooms >= 0 && !(context.rooms == 0) };`,
  ],
  entities: [
    entity('User::ann', [], {
      viewer: [],
      editor: [ref('Chain::north'), ref('Hotel::fjord')],
      limit: decimal('100.0'),
    }),
    entity('User::ben', [], { viewer: [ref('Hotel::fjord')], editor: [] }),
    entity('Chain::north'),
    entity('Hotel::fjord', ['Chain::north']),
    entity('Hotel::lake', ['Chain::south']),
    entity('Action::rename', ['Action::change']),
  ],
  principals: ['User::ann', 'User::ben'],
  actions: ['Action::view', 'Action::rename', 'Action::change'],
  resources: ['Hotel::fjord', 'Hotel::lake', 'Chain::north'],
  contexts: [
    { price: decimal('100.0'), rooms: 1, nights: 7 },
    { price: decimal('100.0001'), rooms: 0, nights: 0 },
    { price: decimal('-1.0'), rooms: 9007199254740991, nights: 9007199254740991 },
    { price: decimal('1.0'), rooms: -3, nights: 1 },
    { price: decimal('1.0'), rooms: 40, nights: 30 },
    { price: '1.0', rooms: '1', nights: 1 },
  ],
}

const TAGS: Scenario = {
  name: 'tasks and tags: people do what their tags for a role allow',
  policies: [
    `permit (principal in Role::"worker", action, resource)
     when { principal.allowed.hasTag("worker") && resource.hasTag("worker") }
     when { principal.allowed.getTag("worker").containsAll(resource.getTag("worker")) };`,
    `permit (principal, action, resource)
       when { resource.getTag(principal.role) == ["anything"] };`,
    `forbid (principal, action, resource) when { principal.hasTag("suspended") };`,
    `forbid (principal, action, resource)
       when { resource.hasTag("worker") && resource.getTag("worker").isEmpty() };`,
    `permit (principal, action, resource)
       when { {name: principal.role, n: 1} == {n: 1, name: "boss"} };`,
  ],
  entities: [
    entity('User::ann', ['Role::worker'], { allowed: ref('Allowed::ann'), role: 'worker' }),
    entity('User::ben', ['Role::worker'], { allowed: ref('Allowed::gone'), role: 'boss' }),
    entity(
      'User::sue',
      ['Role::worker'],
      { allowed: ref('Allowed::ann'), role: 'other' },
      { suspended: true },
    ),
    entity('User::kim', [], { allowed: ref('Allowed::ann'), role: 'other' }),
    entity('Allowed::ann', [], {}, { worker: ['red', 'blue'] }),
    entity('Task::1', [], {}, { worker: ['blue'], other: ['anything'] }),
    entity('Task::2', [], {}, { worker: ['blue', 'green'] }),
    entity('Task::3', [], {}, { worker: [] }),
    entity('Task::4'),
  ],
  principals: ['User::ann', 'User::ben', 'User::sue', 'User::kim'],
  actions: ['Action::do'],
  resources: ['Task::1', 'Task::2', 'Task::3', 'Task::4', 'Task::5'],
  contexts: [{}],
}

const NETWORKS: Scenario = {
  name: 'who comes from where',
  policies: [
    `permit (principal, action, resource)
       when { context.from.isInRange(ip("10.0.0.0/8")) ||
         context.from.isInRange(ip("fc00::/7")) };`,
    `permit (principal, action, resource) when { principal.home == context.from };`,
    `forbid (principal, action, resource)
       when { context.from.isMulticast() ||
         (context.from.isLoopback() &&
         context.from.isIpv6()) };`,
    `permit (principal, action, resource) when { ip("10.1.2.3/8") == context.from };`,
    `forbid (principal, action, resource)
       when { !context.from.isIpv4() && principal.home.isIpv4() && context.strict };`,
  ],
  entities: [
    entity('User::ann', [], { home: address('198.51.100.7') }),
    entity('User::ben', [], { home: address('2001:db8:0:0::7') }),
  ],
  principals: ['User::ann', 'User::ben', 'User::none'],
  actions: ['Action::connect'],
  resources: ['Network::lan'],
  contexts: [
    '10.255.255.255',
    '10.1.2.3/8',
    '10.0.0.0/7',
    '198.51.100.7/32',
    '2001:DB8::7',
    '::1',
    'fd00::/8',
    'ff02::1',
    '127.0.0.1',
    '127.0.0.0/7',
  ].flatMap((from) => [{ from: address(from), strict: true }, { from: address(from) }]),
}

export const SCENARIOS: readonly Scenario[] = [
  PHOTOS,
  DOCUMENTS,
  REPOSITORIES,
  STREAMING,
  HOTELS,
  TAGS,
  NETWORKS,
]
