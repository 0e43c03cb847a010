// C declarations from BTF, by libbpf's dumper.
#ifndef BPF_RINGBUF_NATIVE_CORE_BTF_DUMP_H_
#define BPF_RINGBUF_NATIVE_CORE_BTF_DUMP_H_

#include <cstddef>
#include <set>
#include <string>

namespace bpf_ringbuf {

using Names = std::set<std::string>;

// What of the types is wanted.
struct TypeSelection {
  // Every type; the names do not count then.
  bool all;
  // Structs, unions, enums, typedefs and enumerators, and what the members of
  // these names point to.
  Names names;
  // Of these, typedefs and enumerators alone.
  Names aliases;
};

// Data of BTF; without any data, none.
struct BtfBytes {
  const void* data;
  size_t size_bytes;
};

// Appends the declarations, each after those that it needs; what is only
// pointed to is declared and not defined. The references of the BTF were
// checked before; here is refused what would have libbpf recurse without end,
// divide by zero, or write without end. Returns 0 or -errno: -ELOOP for types
// nested too deep, -E2BIG for too many, -EINVAL for those that C does not have.
//
// Of data that is split from a base only what it adds: what is declared there
// already is named as in the whole text of the base.
int DumpBtf(const BtfBytes& data, const BtfBytes& base,
            const TypeSelection& wanted, std::string* text);

}  // namespace bpf_ringbuf

#endif  // BPF_RINGBUF_NATIVE_CORE_BTF_DUMP_H_
