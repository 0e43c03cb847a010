#!/bin/sh
# Prints the source of a large object: N structs of 12 members with long names,
# all in the value of a map, and a table of 8 MiB.
# Usage: large.sh N
set -eu

awk -v structs="$1" 'BEGIN {
  print "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>"
  print "char LICENSE[] SEC(\"license\") = \"Dual MIT/GPL\";"
  long = "member_with_a_name_that_is_as_long_as_those_of_the_kernel_are_at_their_worst"
  for (i = 0; i < structs; i++) {
    printf "struct state_%d {\n", i
    for (j = 0; j < 12; j++) printf "\t__u64 %s_%d_of_state_%d;\n", long, j, i
    print "};"
  }
  # In groups: clang takes long for one struct of so many members.
  for (i = 0; i < structs; i += 50) {
    printf "struct group_%d {\n", i
    for (j = i; j < i + 50 && j < structs; j++) printf "\tstruct state_%d state_%d;\n", j, j
    print "};"
  }
  print "struct all {"
  for (i = 0; i < structs; i += 50) printf "\tstruct group_%d group_%d;\n", i, i
  print "};"
  print "struct {\n\t__uint(type, BPF_MAP_TYPE_ARRAY);\n\t__uint(max_entries, 1);\n\t__type(key, __u32);"
  print "\t__type(value, struct all);\n} all_of_them SEC(\".maps\");"
  print "const volatile char table[8 << 20] = {1};"
  print "SEC(\"raw_tp/sys_enter\")\nint look(void *context)\n{\n\treturn table[0];\n}"
}'
