#!/usr/bin/env bash
# cuda_12.sh FOLDER PIP: a toolkit of CUDA 12.4, FOLDER/bin/nvcc, whose kernels run with drivers from R525. Its programs
# are those of Debian 13's package in non-free; headers, libdevice, the static runtime and the assembler come from PyPI,
# whose packages of CUDA 12 have no nvcc. Nothing is installed.
set -euo pipefail
folder=$(realpath -m "$1") pip=$2
[ ! -x "$folder/bin/nvcc" ] || exit 0
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bash "$here/unpack_debian.sh" "$work/debian" trixie non-free nvidia-cuda-toolkit
# The runtime's package has had its static library since 12.9, which serves kernels of all 12.x. With the assembler or the
# CUB of 12.4 two kernels spill registers, with those of 12.9 none.
"$pip" download --quiet --no-deps --dest "$work/wheels" nvidia-cuda-runtime-cu12==12.4.127 \
  nvidia-cuda-nvcc-cu12==12.4.131
"$pip" download --quiet --no-deps --dest "$work/newer" nvidia-cuda-runtime-cu12==12.9.79 nvidia-cuda-nvcc-cu12==12.9.86 \
  nvidia-cuda-cccl-cu12==12.9.27
for wheel in "$work"/wheels/*.whl "$work"/newer/*.whl; do python3 -m zipfile -e "$wheel" "${wheel%.whl}"; done
made=$work/toolkit programs=$work/debian/usr
mkdir -p "$made"/{bin,nvvm/bin,nvvm/libdevice,include,lib64}
cp "$programs"/bin/{fatbinary,cudafe++,nvlink,bin2c,cuobjdump} "$made/bin"
cp -r "$programs"/lib/nvidia-cuda-toolkit/bin/{nvcc,crt} "$made/bin"
cp "$programs/lib/nvidia-cuda-toolkit/bin/cicc" "$made/nvvm/bin"
cp "$work"/newer/*/nvidia/cuda_nvcc/bin/ptxas "$made/bin"
chmod +x "$made/bin/ptxas"
cp "$work"/wheels/*/nvidia/cuda_nvcc/nvvm/libdevice/libdevice.10.bc "$made/nvvm/libdevice"
for part in wheels/*/nvidia/cuda_{runtime,nvcc} newer/*/nvidia/cuda_cccl; do
  cp -r "$work"/$part/include/. "$made/include"
done
cp "$work"/newer/*/nvidia/cuda_runtime/lib/{libcudart_static,libculibos}.a "$made/lib64"
echo | c++ -x c++ -c - -o "$work/empty.o"
ar rcs "$made/lib64/libcudadevrt.a" "$work/empty.o" # nvcc asks for it, and these kernels launch none
# glibc 2.41 declares four functions of these names, as functions that do not throw.
sed -i -E 's/((sin|cos)pif?\((double|float) x\));/\1 noexcept(true);/' "$made/include/crt/math_functions.h"
# Names within a file get an id that is made of the file's path: here of its name, so that the same bytes are built anywhere.
mv "$made/bin/cudafe++" "$made/bin/cudafe++-of-cuda"
cat >"$made/bin/cudafe++" <<'PROGRAM'
#!/bin/sh
for word; do
  shift
  [ "$before" != --orig_src_path_name ] || word=${word##*/}
  set -- "$@" "$word"
  before=$word
done
exec "$(dirname "$0")/cudafe++-of-cuda" "$@"
PROGRAM
chmod +x "$made/bin/cudafe++"
cat >"$made/bin/nvcc.profile" <<'PROFILE'
TOP              = $(_HERE_)/..
NVVMIR_LIBRARY_DIR = $(TOP)/nvvm/libdevice
PATH            += $(TOP)/nvvm/bin:$(_HERE_):
INCLUDES        += "-I$(TOP)/include" $(_SPACE_)
LIBRARIES       =+ $(_SPACE_) "-L$(TOP)/lib64"
PROFILE
mkdir -p "$(dirname "$folder")"
rm -rf "$folder"
mv "$made" "$folder"
