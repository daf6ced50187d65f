// What a --cpu-prof file says, folded: a flame graph, and a table of where the time goes.

/** As V8 writes it: times in microseconds. */
export interface CpuProfile {
  readonly startTime: number
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string }
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** A function as it was called from its parent, and the time in it and all that it called. */
export interface Frame {
  readonly name: string
  readonly place: string
  readonly children: Map<string, Frame>
  selfUs: number
  totalUs: number
}

const IDLE = new Set(['(idle)', '(program)'])

/** The calls between two moments, the same calls from the same caller as one. */
export function foldProfile(
  profile: CpuProfile,
  { fromUs, toUs }: { readonly fromUs: number; readonly toUs: number },
): Frame {
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  )
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const root = makeFrame('all', '')
  let atUs = profile.startTime
  for (const [at, sample] of profile.samples.entries()) {
    const deltaUs = profile.timeDeltas[at] ?? 0
    atUs += deltaUs
    const { functionName = '' } = nodes.get(sample)?.callFrame ?? {}
    if (atUs < fromUs || atUs > toUs || IDLE.has(functionName)) continue
    const path: number[] = []
    for (let id: number | undefined = sample; id !== undefined; id = parents.get(id)) path.push(id)
    let frame = root
    frame.totalUs += deltaUs
    for (const id of path.reverse().slice(1)) {
      const { callFrame } = nodes.get(id) ?? {}
      frame = childOf(frame, callFrame?.functionName ?? '', placeOf(callFrame?.url ?? ''))
      frame.totalUs += deltaUs
    }
    frame.selfUs += deltaUs
  }
  return root
}

/**
 * Time by what `nameOf` calls a function: of each its own, and that of Node's and V8's functions
 * below it, which it has called. What nobody of ours has called is under `node`.
 */
export function timeBy(
  root: Frame,
  nameOf: (frame: Frame) => string | undefined,
): ReadonlyMap<string, number> {
  const times = new Map<string, number>()
  const walk = (frame: Frame, inherited: string): void => {
    const name = nameOf(frame) ?? inherited
    times.set(name, (times.get(name) ?? 0) + frame.selfUs)
    for (const child of frame.children.values()) walk(child, name)
  }
  walk(root, 'node')
  return new Map([...times].toSorted(([, a], [, b]) => b - a))
}

const WRITES = new Set(['writeLatin1String', 'writeUtf8String', 'writeBuffer', 'writev'])

/** System calls and the collector have rooms of their own: nothing of ours explains them. */
export function roomOf({ name, place }: Frame): string | undefined {
  if (name === '(garbage collector)') return 'garbage collection'
  if (WRITES.has(name)) return 'writing to sockets and files'
  if (name === 'oneShotDigest') return 'hashing'
  if (place.startsWith('node:')) return undefined
  const [, room] = /^(?:gateway\/src\/)?([a-z0-9-]+)\//.exec(place) ?? []
  return place.startsWith('gateway/src/proxy/http1/') ? 'proxy/http1' : room
}

/** The same, the rooms file by file. */
export function fileOf(frame: Frame): string | undefined {
  const room = roomOf(frame)
  return room === undefined || frame.place === '' ? room : frame.place
}

function childOf(parent: Frame, name: string, place: string): Frame {
  const key = `${name} ${place}`
  const known = parent.children.get(key)
  if (known !== undefined) return known
  const made = makeFrame(name, place)
  parent.children.set(key, made)
  return made
}

function makeFrame(name: string, place: string): Frame {
  return { name, place, children: new Map(), selfUs: 0, totalUs: 0 }
}

/** The file, from the package on: `gateway/src/proxy/serve.ts`. */
function placeOf(url: string): string {
  return /(?:packages|node_modules)\/(.*)$/.exec(url)?.[1] ?? url
}

const WIDTH = 1200
const ROW = 15
const LETTER = 6.2
/** Narrower frames are left out, with what they call. */
const SHARE_MIN = 0.0025

/** An SVG: width is time, what stands below called what stands above it. */
export function flameGraph(root: Frame, title: string): string {
  const rows: string[] = []
  let depthMax = 0
  const draw = (frame: Frame, depth: number, left: number): void => {
    const width = (frame.totalUs / root.totalUs) * WIDTH
    if (width < WIDTH * SHARE_MIN) return
    depthMax = Math.max(depthMax, depth)
    rows.push(box(frame, { depth, left, width, share: frame.totalUs / root.totalUs }))
    let at = left
    const children = [...frame.children.values()].toSorted((a, b) => b.totalUs - a.totalUs)
    for (const child of children) {
      draw(child, depth + 1, at)
      at += (child.totalUs / root.totalUs) * WIDTH
    }
  }
  draw(root, 0, 0)
  const height = (depthMax + 2) * ROW + 10
  const size = `width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="monospace" font-size="10">
<title>${escapeXml(title)}</title>
<g transform="translate(0 ${height - ROW}) scale(1 1)">
${rows.join('\n')}
</g>
</svg>
`
}

function box(
  { name, place }: Frame,
  at: {
    readonly depth: number
    readonly left: number
    readonly width: number
    readonly share: number
  },
): string {
  const [x, y, w] = [at.left.toFixed(1), -at.depth * ROW, Math.max(0.5, at.width - 0.5).toFixed(1)]
  const label = name === '' ? place.slice(place.lastIndexOf('/') + 1) : name
  const told = `${label} ${place} ${(at.share * 100).toFixed(1)} %`
  const shown = label.slice(0, Math.floor(at.width / LETTER))
  const from = `x="${Number(x) + 2}" y="${y + 11}"`
  const text = shown.length < 3 ? '' : `<text ${from}>${escapeXml(shown)}</text>`
  const fill = colourOf(place, name)
  const rect = `<rect x="${x}" y="${y}" width="${w}" height="${ROW - 1}" fill="${fill}"/>`
  return `<g>${rect}<title>${escapeXml(told)}</title>${text}</g>`
}

/** Ours warm, by room; Node's grey; V8's and the system's blue. */
function colourOf(place: string, name: string): string {
  if (place === '' || WRITES.has(name)) return '#a8c4e6'
  if (place.startsWith('node:')) return '#c9c9c9'
  const room = place.split('/').slice(0, 3).join('/')
  let hue = 0
  for (const letter of room) hue = (hue * 31 + letter.charCodeAt(0)) % 60
  return `hsl(${hue} 80% 70%)`
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
