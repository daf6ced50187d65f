/** The sections of a record: each answers one question and is hashed under its number. */
export const SECTIONS = {
  when: 1,
  who: 2,
  actor: 3,
  where: 4,
  what: 5,
  why: 6,
  via: 7,
  how: 8,
  seal: 9,
} as const

/** The name of a section. */
export type SectionName = keyof typeof SECTIONS

/** The number of a section, 1 to 9. */
export type SectionId = (typeof SECTIONS)[SectionName]

/** The names in ascending order of id; index `id - 1`. */
export const SECTION_NAMES: readonly SectionName[] = [
  'when',
  'who',
  'actor',
  'where',
  'what',
  'why',
  'via',
  'how',
  'seal',
]

/**
 * Returns the number of a section. A `switch`: looking a varying name up in an object is among the
 * slowest things the runtime does, and this happens nine times an exchange.
 */
export function sectionId(name: SectionName): SectionId {
  switch (name) {
    case 'when':
      return SECTIONS.when
    case 'who':
      return SECTIONS.who
    case 'actor':
      return SECTIONS.actor
    case 'where':
      return SECTIONS.where
    case 'what':
      return SECTIONS.what
    case 'why':
      return SECTIONS.why
    case 'via':
      return SECTIONS.via
    case 'how':
      return SECTIONS.how
    case 'seal':
      return SECTIONS.seal
  }
}

/** Says whether `id` is the number of a section that this version knows. */
export function isSectionId(id: number): id is SectionId {
  return SECTION_NAMES[id - 1] !== undefined
}

/** Returns the name of the section with this number. */
export function sectionName(id: SectionId): SectionName {
  const name = SECTION_NAMES[id - 1]
  if (name === undefined) throw new RangeError(`section id ${String(id)}`)
  return name
}
