# The kernels as a shared library that exports what pyalign.h declares, and what cmake --install does with it: the
# header, the library, a package for find_package(pyalign CONFIG) with the target pyalign::cpu, and a file for pkg-config.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

add_library(pyalign SHARED ${PA_COMMON_SOURCES} ${PA_OBJECTS})
target_include_directories(pyalign PRIVATE csrc csrc/cpu PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/csrc/include>
                           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_definitions(pyalign PRIVATE PA_BUILDS_LIBRARY)
target_compile_options(pyalign PRIVATE ${PA_FLAGS})
target_link_libraries(pyalign PRIVATE $<BUILD_INTERFACE:pyalign_threads>)
pyalign_exports(pyalign "pa_*")
set_target_properties(pyalign PROPERTIES EXPORT_NAME cpu)
# Each minor version may have another interface: its name says which. Inside of a Python package, whose version is that
# of the library, it has one name: a wheel has no links.
option(PYALIGN_IN_PACKAGE "for the Python package" OFF)
if(NOT PYALIGN_IN_PACKAGE)
  set_target_properties(pyalign PROPERTIES VERSION ${PROJECT_VERSION}
                        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endif()

set(PA_PACKAGE ${CMAKE_INSTALL_LIBDIR}/cmake/pyalign)
install(TARGETS pyalign EXPORT pyalign)
install(FILES csrc/include/pyalign.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT pyalign NAMESPACE pyalign:: FILE pyalign-config.cmake DESTINATION ${PA_PACKAGE})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/pyalign-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/pyalign-config-version.cmake DESTINATION ${PA_PACKAGE})
configure_file(csrc/cmake/pyalign.pc.in pyalign.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/pyalign.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
