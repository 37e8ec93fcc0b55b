#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# embed.sh CLANG PACKAGE OUTPUT.swift
#
# Compiles bpf/sensor.bpf.c three times (see below) and writes the objects into OUTPUT.swift as hexadecimal string
# literals, which the compiler takes in no time where an array of bytes takes minutes. The objects stay beside
# the output, with line tables and types (BTF), without DWARF.
#
#   sensor.bpf.o        -DSENSOR_DIRECT: walks kernel structures by typed pointers (kernels with the helpers)
#   sensor-held.bpf.o   -DSENSOR_HELD: the same for tracepoints that can be preempted (from 7.0)
#   sensor-floor.bpf.o  probe reads only: loads on the kernel floor, 5.10
#
# BPF_ARCH (x86 or arm64) is the machine that the programs are for; the building machine's unless set.
set -eu

clang=$1
package=$2
output=$3
directory=$(dirname "$output")
objcopy=$(dirname "$clang")/llvm-objcopy
mkdir -p "$directory"
machine=$(uname -m)

case ${BPF_ARCH:-$machine} in
x86 | x86_64) arch=x86 ;;
arm64 | aarch64) arch=arm64 ;;
*)
	echo "embed.sh: no eBPF programs for ${BPF_ARCH:-$machine}" >&2
	exit 1
	;;
esac

compile() {
	object=$directory/$1
	shift
	"$clang" -target bpf -mcpu=v3 -O2 -g -std=gnu17 -Wall -Wextra -Werror \
		"-D__TARGET_ARCH_$arch" "$@" \
		-I "$package/bpf" -I "$package/Sources/CSensorBPF/include" \
		-idirafter /usr/include -idirafter "/usr/include/$machine-linux-gnu" \
		-c "$package/bpf/sensor.bpf.c" -o "$object"
	"$objcopy" --strip-debug "$object"
}

literal() {
	printf '    static let %s: StaticString = "' "$1"
	od -An -v -tx1 "$directory/$2" | tr -d ' \n'
	printf '"\n'
}

compile sensor.bpf.o -DSENSOR_DIRECT
compile sensor-held.bpf.o -DSENSOR_DIRECT -DSENSOR_HELD
compile sensor-floor.bpf.o
{
	echo '// Generated from bpf/sensor.bpf.c.'
	echo 'enum EmbeddedObjects {'
	literal direct sensor.bpf.o
	literal held sensor-held.bpf.o
	literal floor sensor-floor.bpf.o
	echo '}'
} >"$output.partial"
mv "$output.partial" "$output"
