/** What the demo API was asked, and what it answers. */
export interface Call {
  readonly method: string
  readonly path: string
  readonly body: string
}

export interface Answer {
  readonly status: number
  readonly body: unknown
}

interface Order {
  readonly id: number
  readonly item: string
  readonly quantity: number
}

const ITEMS = ['lamp', 'chair', 'kettle', 'atlas', 'blanket', 'compass']
const FIRST_ORDERS = 12

/** A small shop's orders, in memory: a toy, but one that keeps what it is told. */
export class Orders {
  readonly #orders = new Map<number, Order>()
  #nextId = 1

  constructor() {
    for (let index = 0; index < FIRST_ORDERS; index += 1) {
      this.#add({ item: ITEMS[index % ITEMS.length] ?? 'lamp', quantity: 1 + (index % 3) })
    }
  }

  answer({ method, path, body }: Call): Answer {
    const [collection, idText, ...rest] = path.split('/').slice(1)
    if (collection !== 'orders' || rest.length > 0) return notFound(path)
    if (idText === undefined) return this.#answerAll(method, body)
    const order = this.#orders.get(Number(idText))
    return order === undefined ? notFound(path) : this.#answerOne(method, order)
  }

  #answerAll(method: string, body: string): Answer {
    if (method === 'GET') return { status: 200, body: [...this.#orders.values()] }
    if (method !== 'POST') return notAllowed(method)
    const draft = parseDraft(body)
    if (draft !== undefined) return { status: 201, body: this.#add(draft) }
    return { status: 400, body: { error: 'send {"item": text, "quantity": 1 to 100}' } }
  }

  #answerOne(method: string, order: Order): Answer {
    if (method === 'GET') return { status: 200, body: order }
    if (method !== 'DELETE') return notAllowed(method)
    this.#orders.delete(order.id)
    return { status: 200, body: order }
  }

  #add(draft: Omit<Order, 'id'>): Order {
    const order = { id: this.#nextId, ...draft }
    this.#orders.set(order.id, order)
    this.#nextId += 1
    return order
  }
}

function parseDraft(body: string): Omit<Order, 'id'> | undefined {
  const draft = parseJson(body)
  if (typeof draft !== 'object' || draft === null) return undefined
  const { item, quantity } = draft as { readonly item?: unknown; readonly quantity?: unknown }
  if (typeof item !== 'string' || item === '' || item.length > 100) return undefined
  if (typeof quantity !== 'number' || !Number.isInteger(quantity)) return undefined
  return quantity >= 1 && quantity <= 100 ? { item, quantity } : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function notFound(path: string): Answer {
  return { status: 404, body: { error: `nothing at ${path}` } }
}

function notAllowed(method: string): Answer {
  return { status: 405, body: { error: `${method} is not something this API does` } }
}
