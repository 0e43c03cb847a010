// BTF and the decoders that are made of it.
import { BtfReader } from '../btf/reader.js'

/** The types of one object, or of the kernel. */
export class Btf extends BtfReader {}
