export { BodyReader } from './body-reader.ts'
export {
  type Fields,
  formatFields,
  hasBareLineEnd,
  isFieldValue,
  isToken,
  parseFields,
} from './fields.ts'
export { KeptFields } from './kept-fields.ts'
