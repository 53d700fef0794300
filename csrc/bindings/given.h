// given.h: what Python gives for the parameters of a C function. A number comes as it is, an address as a whole number,
// 0 for NULL; a struct as the tuple of its members, in their order.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "pairs.h"

// Of a struct: the names of its members, for messages. Their number is checked when compiled.
template <class Struct>
struct Members;
#define PA_MEMBERS(Struct, members)               \
  template <>                                     \
  struct Members<Struct> {                        \
    static constexpr const char* names = members; \
  };

template <class Struct>
Struct struct_of(const pybind11::tuple& given);

// An element of a tuple. It becomes what that member of a struct is which it initializes.
struct Element {
  pybind11::handle given;

  template <class Member>
  operator Member() const {
    if constexpr (std::is_pointer_v<Member>) return reinterpret_cast<Member>(given.cast<uintptr_t>());
    else if constexpr (std::is_same_v<Member, pa_pair>) return pair_of(given);
    else if constexpr (std::is_enum_v<Member>) return static_cast<Member>(given.cast<int>());
    else if constexpr (std::is_class_v<Member>) return struct_of<Member>(given.cast<pybind11::tuple>());
    else return given.cast<Member>();
  }
};

constexpr size_t names_in(const char* list) {
  size_t commas = 0;
  for (; *list; ++list) commas += *list == ',';
  return commas + 1;
}

// Whether a struct has so many members, or more.
template <class Struct, size_t... k>
constexpr auto has_members(std::index_sequence<k...>, int)
    -> decltype(Struct{(void(k), std::declval<Element>())...}, true) {
  return true;
}
template <class Struct, size_t... k>
constexpr bool has_members(std::index_sequence<k...>, long) {
  return false;
}

template <class Struct, size_t... k>
Struct struct_of(const pybind11::tuple& given, std::index_sequence<k...>) {
  return Struct{Element{given[k]}...};
}

template <class Struct>
Struct struct_of(const pybind11::tuple& given) {
  constexpr const char* names = Members<Struct>::names;
  constexpr size_t count = names_in(names);
  static_assert(has_members<Struct>(std::make_index_sequence<count>(), 0) &&
                    !has_members<Struct>(std::make_index_sequence<count + 1>(), 0),
                "the names are those of all members");
  if (given.size() != count) throw std::invalid_argument("expected (" + std::string(names) + ")");
  return struct_of<Struct>(given, std::make_index_sequence<count>());
}

// A parameter: what it is in Python, and in C, as long as this lasts.
template <class Number>
struct GivenNumber {
  typedef Number Python;
  Number number;
  explicit GivenNumber(Number given) : number(given) {}
  Number c() const { return number; }
};

template <class T>
struct GivenAddress {
  typedef uintptr_t Python;
  T* address;
  explicit GivenAddress(uintptr_t given) : address(reinterpret_cast<T*>(given)) {}
  T* c() const { return address; }
};

template <class Struct>
struct GivenStruct {
  typedef std::optional<pybind11::tuple> Python;
  bool some;
  Struct members;
  explicit GivenStruct(const Python& given)
      : some(given.has_value()), members(some ? struct_of<Struct>(*given) : Struct{}) {}
  const Struct* c() const { return some ? &members : nullptr; }
};

template <class Parameter>
struct GivenFor {
  typedef GivenNumber<Parameter> type;
};
template <class T>
struct GivenFor<T*> {
  typedef GivenAddress<T> type;
};
template <class T>
struct GivenFor<const T*> {
  typedef std::conditional_t<std::is_class_v<T>, GivenStruct<T>, GivenAddress<const T>> type;
};
template <class Parameter>
using Given = typename GivenFor<Parameter>::type;
