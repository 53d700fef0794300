# sh instead.sh COMPILER OTHER WORDS...: the command that CMake has written for the other compiler.
compiler=$1
shift 2
exec "$compiler" "$@"
