# `cmake --install`: the library for find_package(eventy) and for pkg-config.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(EVENTY_CMAKE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/eventy")

install(TARGETS eventy EXPORT eventyTargets)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/eventy" "${PROJECT_BINARY_DIR}/include/eventy"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

install(EXPORT eventyTargets NAMESPACE eventy:: DESTINATION "${EVENTY_CMAKE_DIR}")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/eventyConfig.cmake.in"
                              "${PROJECT_BINARY_DIR}/cmake/eventyConfig.cmake"
                              INSTALL_DESTINATION "${EVENTY_CMAKE_DIR}")
# Below 1.0 a minor version may change what programs see.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/cmake/eventyConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/cmake/eventyConfig.cmake" "${PROJECT_BINARY_DIR}/cmake/eventyConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/FindEventyHiredis.cmake"
        DESTINATION "${EVENTY_CMAKE_DIR}")

file(RELATIVE_PATH EVENTY_PC_TO_INCLUDE "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
configure_file("${PROJECT_SOURCE_DIR}/cmake/eventy.pc.in" "${PROJECT_BINARY_DIR}/cmake/eventy.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/cmake/eventy.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
