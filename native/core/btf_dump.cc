#include "core/btf_dump.h"

#include <bpf/btf.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

namespace bpf_ringbuf {

namespace {

// The kernel's types need about 30.
constexpr int kMaxDepth = 256;
// Of all types together; the kernel's are about 2 to 5 million.
constexpr int64_t kMaxWeight = int64_t{1} << 24;

// libbpf counts its bits as an int.
constexpr uint32_t kMaxStructBytes = 1U << 26;

struct FreeBtf {
  void operator()(btf* types) const { btf__free(types); }
};
struct FreeDump {
  void operator()(btf_dump* dump) const { btf_dump__free(dump); }
};

bool IsIdentifier(const char* name) {
  if (name == nullptr) return false;
  return name[strspn(name,
                     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                     "0123456789_")] == '\0';
}

bool IsModifier(const btf_type* type) {
  return btf_is_mod(type) || btf_is_typedef(type);
}

// What stands behind typedefs and qualifiers.
const btf_type* Resolve(const btf* types, uint32_t id) {
  const btf_type* type = btf__type_by_id(types, id);
  for (int depth = 0; type != nullptr && IsModifier(type); ++depth) {
    if (depth > kMaxDepth) return nullptr;
    type = btf__type_by_id(types, type->type);
  }
  return type;
}

// How much libbpf has to do for a type: its recursion goes the same ways.
class Extent {
 public:
  explicit Extent(const btf* types)
      : types_(types), weights_(size_t{2} * btf__type_cnt(types)) {}

  // 0 or -errno.
  int Add(uint32_t id) {
    total_ += Weigh(id, false, 0);
    if (error_ == 0 && total_ > kMaxWeight) error_ = -E2BIG;
    return error_;
  }

 private:
  static constexpr int64_t kUnderWay = -1;

  int64_t Fail(int error) {
    if (error_ == 0) error_ = error;
    return 0;
  }

  const char* NameAt(uint32_t offset) const {
    return btf__name_by_offset(types_, offset);
  }

  // Whether a member or an element may have this type.
  bool HasSize(uint32_t id) const {
    const btf_type* type = Resolve(types_, id);
    for (int depth = 0; type != nullptr && btf_is_array(type); ++depth) {
      if (depth > kMaxDepth) return false;
      type = Resolve(types_, btf_array(type)->type);
    }
    if (type == nullptr) return false;
    if (btf_is_int(type) || btf_is_float(type) || btf_is_any_enum(type)) {
      return type->size != 0;
    }
    return btf_is_ptr(type) || btf_is_composite(type);
  }

  int64_t WeighMembers(const btf_type* type, int depth) {
    if (type->size > kMaxStructBytes) return Fail(-E2BIG);
    int64_t weight = type->size / 8;  // as much padding may be written
    const btf_member* member = btf_members(type);
    for (uint16_t i = 0; i < btf_vlen(type) && error_ == 0; ++i, ++member) {
      if (!HasSize(member->type) || !IsIdentifier(NameAt(member->name_off))) {
        return Fail(-EINVAL);
      }
      weight += Weigh(member->type, false, depth + 1);
    }
    return weight;
  }

  int64_t WeighParameters(const btf_type* type, bool pointed, int depth) {
    int64_t weight = Weigh(type->type, pointed, depth + 1);
    const btf_param* parameter = btf_params(type);
    for (uint16_t i = 0; i < btf_vlen(type) && error_ == 0; ++i, ++parameter) {
      if (!IsIdentifier(NameAt(parameter->name_off))) return Fail(-EINVAL);
      weight += Weigh(parameter->type, pointed, depth + 1);
    }
    return weight;
  }

  int64_t WeighEnumerators(const btf_type* type) {
    const uint16_t count = btf_vlen(type);
    for (uint16_t i = 0; i < count; ++i) {
      const uint32_t name = btf_is_enum(type) ? btf_enum(type)[i].name_off
                                              : btf_enum64(type)[i].name_off;
      if (!IsIdentifier(NameAt(name))) return Fail(-EINVAL);
    }
    return count;
  }

  // `pointed`: by a pointer, which needs no definition of what has a name.
  int64_t Weigh(uint32_t id, bool pointed, int depth) {
    if (depth > kMaxDepth) return Fail(-ELOOP);
    if (error_ != 0 || id == 0) return 1;
    const btf_type* type = btf__type_by_id(types_, id);
    if (type == nullptr) return Fail(-EINVAL);
    if (btf_is_composite(type)) {
      if (pointed && type->name_off != 0) return 1;
      pointed = false;
    }
    int64_t& known = weights_[size_t{2} * id + (pointed ? 1 : 0)];
    if (known == kUnderWay) return 1;
    if (known != 0) return known;
    if (btf_is_composite(type)) known = kUnderWay;
    int64_t weight = 0;
    if (btf_is_composite(type)) {
      weight = WeighMembers(type, depth);
    } else if (btf_is_func_proto(type)) {
      weight = WeighParameters(type, pointed, depth);
    } else if (btf_is_any_enum(type)) {
      weight = WeighEnumerators(type);
    } else if (btf_is_array(type)) {
      if (!HasSize(btf_array(type)->type)) return Fail(-EINVAL);
      weight = Weigh(btf_array(type)->type, false, depth + 1);
    } else if (btf_is_ptr(type)) {
      weight = Weigh(type->type, true, depth + 1);
    } else if (IsModifier(type)) {
      weight = Weigh(type->type, pointed, depth + 1);
    }
    if (weight > kMaxWeight) return Fail(-E2BIG);
    known = weight + 1;
    return known;
  }

  const btf* types_;
  std::vector<int64_t> weights_;
  int64_t total_ = 0;
  int error_ = 0;
};

// Which types are wanted, beside those that they need by value.
class Choice {
 public:
  Choice(const btf* types, const TypeSelection& wanted)
      : types_(types),
        wanted_(wanted),
        chosen_(btf__type_cnt(types)),
        seen_(chosen_.size()) {}

  std::vector<bool> Make() {
    for (uint32_t id = 1; id < chosen_.size(); ++id) {
      if (IsNamed(id)) Choose(id);
    }
    while (!queue_.empty()) {
      const uint32_t id = queue_.back();
      queue_.pop_back();
      Visit(id);
    }
    return chosen_;
  }

 private:
  bool IsWanted(uint32_t offset, bool alias) const {
    const char* name = btf__name_by_offset(types_, offset);
    if (name == nullptr || name[0] == '\0') return false;
    return wanted_.names.count(name) != 0 ||
           (alias && wanted_.aliases.count(name) != 0);
  }

  bool IsNamed(uint32_t id) const {
    const btf_type* type = btf__type_by_id(types_, id);
    if (btf_is_composite(type)) return IsWanted(type->name_off, false);
    if (btf_is_typedef(type)) return IsWanted(type->name_off, true);
    if (!btf_is_any_enum(type)) return false;
    if (IsWanted(type->name_off, false)) return true;
    for (uint16_t i = 0; i < btf_vlen(type); ++i) {
      if (IsWanted(btf_is_enum(type) ? btf_enum(type)[i].name_off
                                     : btf_enum64(type)[i].name_off,
                   true)) {
        return true;
      }
    }
    return false;
  }

  void Choose(uint32_t id) {
    chosen_[id] = true;
    See(id);
  }

  void See(uint32_t id) {
    if (id == 0 || id >= seen_.size() || seen_[id]) return;
    seen_[id] = true;
    queue_.push_back(id);
  }

  // What it has by value; of the members that are named, what they point to.
  void Visit(uint32_t id) {
    const btf_type* type = btf__type_by_id(types_, id);
    if (IsModifier(type)) {
      See(type->type);
    } else if (btf_is_array(type)) {
      See(btf_array(type)->type);
    } else if (btf_is_composite(type)) {
      const btf_member* member = btf_members(type);
      for (uint16_t i = 0; i < btf_vlen(type); ++i, ++member) {
        See(member->type);
        if (IsWanted(member->name_off, false)) FollowPointers(member->type);
      }
    }
  }

  void FollowPointers(uint32_t id) {
    for (int depth = 0; depth < kMaxDepth; ++depth) {
      const btf_type* type = btf__type_by_id(types_, id);
      if (type == nullptr) return;
      if (IsModifier(type) || btf_is_ptr(type)) {
        id = type->type;
      } else if (btf_is_array(type)) {
        id = btf_array(type)->type;
      } else {
        if (btf_is_composite(type)) Choose(id);
        return;
      }
    }
  }

  const btf* types_;
  const TypeSelection& wanted_;
  std::vector<bool> chosen_;
  std::vector<bool> seen_;
  std::vector<uint32_t> queue_;
};

// Whether a declaration of its own can be written for it.
bool IsDeclared(const btf* types, const btf_type* type) {
  if (!btf_is_composite(type) && !btf_is_any_enum(type) &&
      !btf_is_typedef(type) && !btf_is_fwd(type)) {
    return false;
  }
  // Other languages have names that C has not.
  return IsIdentifier(btf__name_by_offset(types, type->name_off));
}

// Where the dumper writes to.
struct Output {
  std::string* text;
};

void Append(void* output, const char* format, va_list args) {
  std::string* to = static_cast<Output*>(output)->text;
  char piece[512];
  va_list again;
  va_copy(again, args);
  const int length = vsnprintf(piece, sizeof piece, format, args);
  if (length > 0 && static_cast<size_t>(length) < sizeof piece) {
    to->append(piece, static_cast<size_t>(length));
  } else if (length > 0) {
    const size_t end = to->size();
    to->resize(end + static_cast<size_t>(length) + 1);
    vsnprintf(&(*to)[end], static_cast<size_t>(length) + 1, format, again);
    to->pop_back();
  }
  va_end(again);
}

// libbpf takes split BTF from files only: btf__new_split() is not exported
// before 1.4.
btf* ParseSplit(const BtfBytes& bytes, btf* base) {
  const int fd = memfd_create("btf", MFD_CLOEXEC);
  if (fd < 0) return nullptr;
  size_t written = 0;
  while (written < bytes.size_bytes) {
    const ssize_t result =
        write(fd, static_cast<const char*>(bytes.data) + written,
              bytes.size_bytes - written);
    if (result < 0 && errno == EINTR) continue;
    if (result <= 0) break;
    written += static_cast<size_t>(result);
  }
  btf* types = nullptr;
  int error = errno;
  if (written == bytes.size_bytes) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    types = btf__parse_raw_split(path.c_str(), base);
    error = errno;
  }
  close(fd);
  errno = error;
  return types;
}

// 0 or -errno.
int Parse(const BtfBytes& bytes, btf* base,
          std::unique_ptr<btf, FreeBtf>* types) {
  if (bytes.size_bytes > UINT32_MAX) return -E2BIG;
  types->reset(base == nullptr ? btf__new(bytes.data, static_cast<uint32_t>(
                                                          bytes.size_bytes))
                               : ParseSplit(bytes, base));
  return *types == nullptr ? -errno : 0;
}

}  // namespace

int DumpBtf(const BtfBytes& data, const BtfBytes& base,
            const TypeSelection& wanted, std::string* text) {
  std::unique_ptr<btf, FreeBtf> base_types;
  if (base.data != nullptr) {
    const int error = Parse(base, nullptr, &base_types);
    if (error != 0) return error;
  }
  std::unique_ptr<btf, FreeBtf> types;
  int error = Parse(data, base_types.get(), &types);
  if (error != 0) return error;
  const uint32_t first =
      base_types == nullptr ? 1 : btf__type_cnt(base_types.get());
  const uint32_t count = btf__type_cnt(types.get());
  std::vector<bool> chosen = wanted.all ? std::vector<bool>(count, true)
                                        : Choice(types.get(), wanted).Make();
  // Nobody wants to see the base's, but they have to be declared before.
  std::fill_n(chosen.begin(), first, true);
  Extent extent(types.get());
  for (uint32_t id = 1; id < count; ++id) {
    if (!chosen[id]) continue;
    chosen[id] = IsDeclared(types.get(), btf__type_by_id(types.get(), id));
    if (!chosen[id]) continue;
    error = extent.Add(id);
    if (error != 0) return error;
  }
  // Making a dumper follows the references of all types.
  if (std::none_of(chosen.begin() + first, chosen.end(),
                   [](bool one) { return one; }))
    return 0;
  std::string base_text;
  Output output{&base_text};
  const std::unique_ptr<btf_dump, FreeDump> dump(
      btf_dump__new(types.get(), Append, &output, nullptr));
  if (dump == nullptr) return -errno;
  for (uint32_t id = 1; id < count; ++id) {
    if (id == first) output.text = text;
    if (!chosen[id]) continue;
    error = btf_dump__dump_type(dump.get(), id);
    if (error != 0) return error;
    if (id < first) base_text.clear();
  }
  return 0;
}

}  // namespace bpf_ringbuf
