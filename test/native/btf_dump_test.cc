#include "core/btf_dump.h"

#include <bpf/btf.h>
#include <errno.h>

#include <memory>
#include <string>

#include "test.h"

namespace bpf_ringbuf {
namespace {

// BTF that is made a type at a time; ids count from 1.
class Types {
 public:
  explicit Types(btf* base = nullptr)
      : types_(btf__new_empty_split(base)), base_(base) {}
  ~Types() { btf__free(types_); }
  Types(const Types&) = delete;
  Types& operator=(const Types&) = delete;

  btf* get() const { return types_; }

  int Dump(const TypeSelection& wanted, std::string* text) const {
    return DumpBtf(BytesOf(types_), BytesOf(base_), wanted, text);
  }

  int DumpAll() const {
    std::string text;
    return Dump({true, {}, {}}, &text);
  }

 private:
  static BtfBytes BytesOf(const btf* types) {
    if (types == nullptr) return {nullptr, 0};
    uint32_t size_bytes = 0;
    const void* data = btf__raw_data(types, &size_bytes);
    return {data, size_bytes};
  }

  btf* types_;
  btf* base_;
};

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// struct owner { int id; struct task *next; }; struct task { int pid; struct
// owner *owner; struct task *next; }; typedef int number; enum { RED, BLUE };
void AddTasks(btf* types) {
  const int number = btf__add_int(types, "int", 4, BTF_INT_SIGNED);
  const int owner = btf__add_struct(types, "owner", 16);
  btf__add_field(types, "id", number, 0, 0);
  btf__add_field(types, "next", owner + 3, 64, 0);
  const int task = btf__add_struct(types, "task", 24);
  btf__add_field(types, "pid", number, 0, 0);
  btf__add_field(types, "owner", task + 2, 64, 0);
  btf__add_field(types, "next", task + 1, 128, 0);
  btf__add_ptr(types, task);
  btf__add_ptr(types, owner);
  btf__add_typedef(types, "number", number);
  btf__add_enum(types, nullptr, 4);
  btf__add_enum_value(types, "RED", 0);
  btf__add_enum_value(types, "BLUE", 1);
}

TEST(
    "btf_dump: what is wanted, and what is pointed to without its definition") {
  const Types types;
  AddTasks(types.get());
  std::string text;
  EXPECT(types.Dump({false, {"task"}, {}}, &text) == 0);
  EXPECT(Has(text, "struct task {"));
  EXPECT(Has(text, "struct owner;"));
  EXPECT(!Has(text, "struct owner {"));
  EXPECT(!Has(text, "number"));
  EXPECT(!Has(text, "RED"));
}

TEST("btf_dump: what a member of a name that is wanted points to") {
  const Types types;
  AddTasks(types.get());
  std::string text;
  EXPECT(types.Dump({false, {"task", "owner"}, {}}, &text) == 0);
  EXPECT(Has(text, "struct owner {"));
  text.clear();
  EXPECT(types.Dump({false, {"id"}, {}}, &text) == 0);
  EXPECT(text.empty());
}

TEST("btf_dump: of aliases only typedefs and enumerators") {
  const Types types;
  AddTasks(types.get());
  std::string text;
  EXPECT(types.Dump({false, {}, {"task", "number", "BLUE"}}, &text) == 0);
  EXPECT(Has(text, "typedef int number;"));
  EXPECT(Has(text, "RED"));
  EXPECT(!Has(text, "task"));
}

TEST("btf_dump: all of it") {
  const Types types;
  AddTasks(types.get());
  std::string text;
  EXPECT(types.Dump({true, {}, {}}, &text) == 0);
  for (const char* part : {"struct task {", "struct owner {", "BLUE = 1"}) {
    EXPECT(Has(text, part));
  }
}

TEST("btf_dump: a pointer to itself is refused") {
  const Types types;
  btf__add_ptr(types.get(), 1);
  btf__add_typedef(types.get(), "endless", 1);
  EXPECT(types.DumpAll() == -ELOOP);
}

TEST("btf_dump: a function that returns itself is refused") {
  const Types types;
  btf__add_typedef(types.get(), "endless", 2);
  btf__add_ptr(types.get(), 3);
  btf__add_func_proto(types.get(), 2);
  EXPECT(types.DumpAll() == -ELOOP);
}

TEST("btf_dump: pointers to pointers are refused before the stack ends") {
  const Types types;
  const int number = btf__add_int(types.get(), "int", 4, BTF_INT_SIGNED);
  int last = number;
  for (int i = 0; i < 1000000; ++i) last = btf__add_ptr(types.get(), last);
  btf__add_typedef(types.get(), "deep", last);
  EXPECT(types.DumpAll() == -ELOOP);
}

TEST("btf_dump: types that double are refused before they fill the memory") {
  const Types types;
  int last = btf__add_int(types.get(), "int", 4, BTF_INT_SIGNED);
  for (int i = 0; i < 60; ++i) {
    const int function = btf__add_func_proto(types.get(), 0);
    btf__add_func_param(types.get(), "one", last);
    btf__add_func_param(types.get(), "two", last);
    last = btf__add_ptr(types.get(), function);
  }
  btf__add_typedef(types.get(), "doubled", last);
  EXPECT(types.DumpAll() == -E2BIG);
}

TEST("btf_dump: padding without end is refused") {
  const Types types;
  const int number = btf__add_int(types.get(), "int", 4, BTF_INT_SIGNED);
  for (int i = 0; i < 8; ++i) {
    const std::string name = "wide" + std::to_string(i);
    btf__add_struct(types.get(), name.c_str(), 0xffffffff);
    btf__add_field(types.get(), "only", number, 0, 0);
  }
  EXPECT(types.DumpAll() == -E2BIG);
}

TEST("btf_dump: a member without a size is refused") {
  const Types types;
  btf__add_fwd(types.get(), "unknown", BTF_FWD_STRUCT);
  btf__add_struct(types.get(), "holder", 8);
  btf__add_field(types.get(), "member", 1, 0, 0);
  EXPECT(types.DumpAll() == -EINVAL);
}

TEST(
    "btf_dump: a name that is not one of C is left out, or refused in a "
    "struct") {
  const Types types;
  const int number = btf__add_int(types.get(), "int", 4, BTF_INT_SIGNED);
  btf__add_typedef(types.get(), "core::num", number);
  std::string text;
  EXPECT(types.Dump({true, {}, {}}, &text) == 0);
  EXPECT(text.empty());
  btf__add_struct(types.get(), "holder", 4);
  btf__add_field(types.get(), "x; }; int y", number, 0, 0);
  EXPECT(types.DumpAll() == -EINVAL);
}

TEST("btf_dump: what is no BTF is an error") {
  std::string text;
  EXPECT(DumpBtf({"nothing", 7}, {nullptr, 0}, {true, {}, {}}, &text) < 0);
}

TEST("btf_dump: of split types what they add, named beside those of the base") {
  const Types base;
  AddTasks(base.get());
  btf__add_fwd(base.get(), "connection", BTF_FWD_STRUCT);
  const Types module(base.get());
  const int number = btf__find_by_name(base.get(), "int");
  const int task = btf__find_by_name(base.get(), "task");
  // The whole of what the base only declares.
  btf__add_struct(module.get(), "connection", 32);
  btf__add_field(module.get(), "task", task, 0, 0);
  btf__add_field(module.get(), "mark", number, 192, 0);
  // Another one than the base's.
  btf__add_struct(module.get(), "owner", 4);
  btf__add_field(module.get(), "inode", number, 0, 0);
  std::string text;
  EXPECT(module.Dump({true, {}, {}}, &text) == 0);
  EXPECT(Has(text, "struct connection {\n\tstruct task task;\n\tint mark;"));
  EXPECT(Has(text, "struct owner___2 {\n\tint inode;"));
  for (const char* part : {"struct task {", "struct owner {", "BLUE"}) {
    EXPECT(!Has(text, part));
  }
  text.clear();
  EXPECT(module.Dump({false, {"connection", "task"}, {}}, &text) == 0);
  EXPECT(Has(text, "struct connection {"));
  EXPECT(!Has(text, "inode"));
  text.clear();
  EXPECT(module.Dump({false, {"task"}, {}}, &text) == 0);
  EXPECT(text.empty());
}

TEST("btf_dump: split types without their base are an error") {
  const Types base;
  AddTasks(base.get());
  const Types module(base.get());
  btf__add_ptr(module.get(), 1);
  uint32_t size_bytes = 0;
  const void* data = btf__raw_data(module.get(), &size_bytes);
  std::string text;
  EXPECT(DumpBtf({data, size_bytes}, {"nothing", 7}, {true, {}, {}}, &text) <
         0);
}

}  // namespace
}  // namespace bpf_ringbuf
