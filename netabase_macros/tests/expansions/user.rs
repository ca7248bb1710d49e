#[doc = "The primary key of `User`."]
#[derive(
    ::core::clone::Clone,
    ::core::fmt::Debug,
    ::core::cmp::PartialEq,
    ::core::cmp::Eq,
    ::core::cmp::PartialOrd,
    ::core::cmp::Ord,
    ::core::hash::Hash,
)]
pub struct UserPrimaryKey(pub u64);
#[doc = "The index `email` of `User`."]
#[derive(
    ::core::clone::Clone,
    ::core::fmt::Debug,
    ::core::cmp::PartialEq,
    ::core::cmp::Eq,
    ::core::cmp::PartialOrd,
    ::core::cmp::Ord,
    ::core::hash::Hash,
)]
pub struct UserEmailSecondaryKey(pub String);
#[doc = "The index `age` of `User`."]
#[derive(
    ::core::clone::Clone,
    ::core::fmt::Debug,
    ::core::cmp::PartialEq,
    ::core::cmp::Eq,
    ::core::cmp::PartialOrd,
    ::core::cmp::Ord,
    ::core::hash::Hash,
)]
pub struct UserAgeSecondaryKey(pub u32);
#[doc = "A value of one of the indexes of `User`."]
#[derive(
    ::core::clone::Clone,
    ::core::fmt::Debug,
    ::core::cmp::PartialEq,
    ::core::cmp::Eq,
    ::core::cmp::PartialOrd,
    ::core::cmp::Ord,
    ::core::hash::Hash,
)]
pub enum UserSecondaryKeys {
    #[doc = "The index `email` of `User`."]
    Email(UserEmailSecondaryKey),
    #[doc = "The index `age` of `User`."]
    Age(UserAgeSecondaryKey),
}
#[doc = "A key of `User`: primary, or of one of its indexes."]
#[derive(
    ::core::clone::Clone,
    ::core::fmt::Debug,
    ::core::cmp::PartialEq,
    ::core::cmp::Eq,
    ::core::cmp::PartialOrd,
    ::core::cmp::Ord,
    ::core::hash::Hash,
)]
pub enum UserKey {
    #[doc = r" The primary key."]
    Primary(UserPrimaryKey),
    #[doc = r" The value of an index."]
    Secondary(UserSecondaryKeys),
}
const _: () = {
    #[automatically_derived]
    impl ::netabase_store::__private::NetabaseKey for UserPrimaryKey {
        type Indexed = Self;
        #[inline]
        fn encode_key(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            <u64 as ::netabase_store::__private::NetabaseKey>::encode_key(&self.0, __nb_out);
        }
        #[inline]
        fn decode_key(
            __nb_reader: &mut ::netabase_store::__private::KeyReader<'_>,
        ) -> ::core::result::Result<Self, ::netabase_store::__private::KeyError> {
            ::core::result::Result::Ok(Self(<u64 as ::netabase_store::__private::NetabaseKey>::decode_key(
                __nb_reader,
            )?))
        }
        #[inline]
        fn skip_key(
            __nb_reader: &mut ::netabase_store::__private::KeyReader<'_>,
        ) -> ::core::result::Result<(), ::netabase_store::__private::KeyError> {
            <u64 as ::netabase_store::__private::NetabaseKey>::skip_key(__nb_reader)?;
            ::core::result::Result::Ok(())
        }
        fn key_shape(__nb_types: &mut ::netabase_store::__private::Types) -> ::netabase_store::__private::Shape {
            <u64 as ::netabase_store::__private::NetabaseKey>::key_shape(__nb_types)
        }
    }
    #[automatically_derived]
    impl ::netabase_store::__private::KeyNewtype for UserPrimaryKey {
        type Value = u64;
    }
    #[automatically_derived]
    impl ::netabase_store::__private::ToIVec for UserPrimaryKey {
        fn to_ivec(&self) -> ::netabase_store::__private::Result<::std::vec::Vec<::core::primitive::u8>> {
            ::core::result::Result::Ok(::netabase_store::__private::key_to_ivec(self))
        }
        fn from_ivec(__nb_bytes: &[::core::primitive::u8]) -> ::netabase_store::__private::Result<Self> {
            ::netabase_store::__private::key_from_ivec("UserPrimaryKey", __nb_bytes)
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<u64> for UserPrimaryKey {
        fn from(__nb_value: u64) -> Self {
            Self(__nb_value)
        }
    }
    #[automatically_derived]
    impl ::netabase_store::__private::KeyBound<u64> for UserPrimaryKey {
        fn encode_bound(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            <Self as ::netabase_store::__private::NetabaseKey>::encode_key(self, __nb_out)
        }
    }
    #[automatically_derived]
    impl ::netabase_store::__private::NetabaseKey for UserEmailSecondaryKey {
        type Indexed = Self;
        #[inline]
        fn encode_key(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            <String as ::netabase_store::__private::NetabaseKey>::encode_key(&self.0, __nb_out);
        }
        #[inline]
        fn decode_key(
            __nb_reader: &mut ::netabase_store::__private::KeyReader<'_>,
        ) -> ::core::result::Result<Self, ::netabase_store::__private::KeyError> {
            ::core::result::Result::Ok(Self(<String as ::netabase_store::__private::NetabaseKey>::decode_key(
                __nb_reader,
            )?))
        }
        #[inline]
        fn skip_key(
            __nb_reader: &mut ::netabase_store::__private::KeyReader<'_>,
        ) -> ::core::result::Result<(), ::netabase_store::__private::KeyError> {
            <String as ::netabase_store::__private::NetabaseKey>::skip_key(__nb_reader)?;
            ::core::result::Result::Ok(())
        }
        fn key_shape(__nb_types: &mut ::netabase_store::__private::Types) -> ::netabase_store::__private::Shape {
            <String as ::netabase_store::__private::NetabaseKey>::key_shape(__nb_types)
        }
    }
    #[automatically_derived]
    impl ::netabase_store::__private::KeyNewtype for UserEmailSecondaryKey {
        type Value = String;
    }
    #[automatically_derived]
    impl ::netabase_store::__private::ToIVec for UserEmailSecondaryKey {
        fn to_ivec(&self) -> ::netabase_store::__private::Result<::std::vec::Vec<::core::primitive::u8>> {
            ::core::result::Result::Ok(::netabase_store::__private::key_to_ivec(self))
        }
        fn from_ivec(__nb_bytes: &[::core::primitive::u8]) -> ::netabase_store::__private::Result<Self> {
            ::netabase_store::__private::key_from_ivec("UserEmailSecondaryKey", __nb_bytes)
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<String> for UserEmailSecondaryKey {
        fn from(__nb_value: String) -> Self {
            Self(__nb_value)
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<&::core::primitive::str> for UserEmailSecondaryKey {
        fn from(__nb_text: &::core::primitive::str) -> Self {
            Self(<String as ::core::convert::From<_>>::from(__nb_text))
        }
    }
    #[automatically_derived]
    impl ::netabase_store::__private::KeyBound<String> for UserEmailSecondaryKey {
        fn encode_bound(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            <Self as ::netabase_store::__private::NetabaseKey>::encode_key(self, __nb_out)
        }
    }
    #[automatically_derived]
    impl ::netabase_store::__private::NetabaseKey for UserAgeSecondaryKey {
        type Indexed = Self;
        #[inline]
        fn encode_key(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            <u32 as ::netabase_store::__private::NetabaseKey>::encode_key(&self.0, __nb_out);
        }
        #[inline]
        fn decode_key(
            __nb_reader: &mut ::netabase_store::__private::KeyReader<'_>,
        ) -> ::core::result::Result<Self, ::netabase_store::__private::KeyError> {
            ::core::result::Result::Ok(Self(<u32 as ::netabase_store::__private::NetabaseKey>::decode_key(
                __nb_reader,
            )?))
        }
        #[inline]
        fn skip_key(
            __nb_reader: &mut ::netabase_store::__private::KeyReader<'_>,
        ) -> ::core::result::Result<(), ::netabase_store::__private::KeyError> {
            <u32 as ::netabase_store::__private::NetabaseKey>::skip_key(__nb_reader)?;
            ::core::result::Result::Ok(())
        }
        fn key_shape(__nb_types: &mut ::netabase_store::__private::Types) -> ::netabase_store::__private::Shape {
            <u32 as ::netabase_store::__private::NetabaseKey>::key_shape(__nb_types)
        }
    }
    #[automatically_derived]
    impl ::netabase_store::__private::KeyNewtype for UserAgeSecondaryKey {
        type Value = u32;
    }
    #[automatically_derived]
    impl ::netabase_store::__private::ToIVec for UserAgeSecondaryKey {
        fn to_ivec(&self) -> ::netabase_store::__private::Result<::std::vec::Vec<::core::primitive::u8>> {
            ::core::result::Result::Ok(::netabase_store::__private::key_to_ivec(self))
        }
        fn from_ivec(__nb_bytes: &[::core::primitive::u8]) -> ::netabase_store::__private::Result<Self> {
            ::netabase_store::__private::key_from_ivec("UserAgeSecondaryKey", __nb_bytes)
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<u32> for UserAgeSecondaryKey {
        fn from(__nb_value: u32) -> Self {
            Self(__nb_value)
        }
    }
    #[automatically_derived]
    impl ::netabase_store::__private::KeyBound<u32> for UserAgeSecondaryKey {
        fn encode_bound(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            <Self as ::netabase_store::__private::NetabaseKey>::encode_key(self, __nb_out)
        }
    }
    #[automatically_derived]
    impl ::netabase_store::__private::IndexOf<User> for UserEmailSecondaryKey {
        const POSITION: ::core::primitive::usize = 0;
    }
    const _: fn() =
        ::netabase_store::__private::assert_whole::<<String as ::netabase_store::__private::NetabaseKey>::Indexed, String>;
    #[automatically_derived]
    impl ::netabase_store::__private::IndexOf<User> for UserAgeSecondaryKey {
        const POSITION: ::core::primitive::usize = 1;
    }
    const _: fn() =
        ::netabase_store::__private::assert_whole::<<u32 as ::netabase_store::__private::NetabaseKey>::Indexed, u32>;
    #[automatically_derived]
    impl ::netabase_store::__private::SecondaryKeyOf for UserSecondaryKeys {
        fn position(&self) -> ::core::primitive::usize {
            match *self {
                Self::Email(_) => 0,
                Self::Age(_) => 1,
            }
        }
        #[allow(unused_variables)]
        fn encode_value(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            match *self {
                Self::Email(ref __nb_key) => {
                    <UserEmailSecondaryKey as ::netabase_store::__private::NetabaseKey>::encode_key(__nb_key, __nb_out)
                }
                Self::Age(ref __nb_key) => {
                    <UserAgeSecondaryKey as ::netabase_store::__private::NetabaseKey>::encode_key(__nb_key, __nb_out)
                }
            }
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<UserPrimaryKey> for UserKey {
        fn from(__nb_key: UserPrimaryKey) -> Self {
            Self::Primary(__nb_key)
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<UserSecondaryKeys> for UserKey {
        fn from(__nb_key: UserSecondaryKeys) -> Self {
            Self::Secondary(__nb_key)
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<UserEmailSecondaryKey> for UserSecondaryKeys {
        fn from(__nb_key: UserEmailSecondaryKey) -> Self {
            Self::Email(__nb_key)
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<UserEmailSecondaryKey> for UserKey {
        fn from(__nb_key: UserEmailSecondaryKey) -> Self {
            Self::Secondary(UserSecondaryKeys::Email(__nb_key))
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<UserAgeSecondaryKey> for UserSecondaryKeys {
        fn from(__nb_key: UserAgeSecondaryKey) -> Self {
            Self::Age(__nb_key)
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<UserAgeSecondaryKey> for UserKey {
        fn from(__nb_key: UserAgeSecondaryKey) -> Self {
            Self::Secondary(UserSecondaryKeys::Age(__nb_key))
        }
    }
    #[automatically_derived]
    impl ::netabase_store::__private::NetabaseModelTrait<BlogDefinition> for User {
        type PrimaryKey = UserPrimaryKey;
        type SecondaryKeys = UserSecondaryKeys;
        type Keys = UserKey;
        const DISCRIMINANT: &'static ::core::primitive::str = "User";
        fn primary_key(&self) -> UserPrimaryKey {
            UserPrimaryKey(::core::clone::Clone::clone(&self.id))
        }
        #[allow(unused_mut)]
        fn secondary_keys(&self) -> ::std::vec::Vec<UserSecondaryKeys> {
            let mut __nb_keys = ::std::vec::Vec::new();
            ::std::vec::Vec::push(
                &mut __nb_keys,
                UserSecondaryKeys::Email(UserEmailSecondaryKey(::core::clone::Clone::clone(&self.email))),
            );
            ::std::vec::Vec::push(
                &mut __nb_keys,
                UserSecondaryKeys::Age(UserAgeSecondaryKey(::core::clone::Clone::clone(&self.age))),
            );
            __nb_keys
        }
        fn __encode_primary_key(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            <u64 as ::netabase_store::__private::NetabaseKey>::encode_key(&self.id, __nb_out);
        }
        #[allow(unused_variables)]
        fn __encode_entries(&self, __nb_entries: &mut ::netabase_store::__private::Entries) {
            ::netabase_store::__private::Entries::parts(__nb_entries, 0, |__nb_out| {
                <String as ::netabase_store::__private::NetabaseKey>::encode_key(&self.email, __nb_out);
            });
            ::netabase_store::__private::Entries::parts(__nb_entries, 1, |__nb_out| {
                <u32 as ::netabase_store::__private::NetabaseKey>::encode_key(&self.age, __nb_out);
            });
        }
        fn schema(__nb_types: &mut ::netabase_store::__private::Types) -> ::netabase_store::__private::ModelSchema {
            ::netabase_store::__private::ModelSchema {
                discriminant: ::std::string::String::from("User"),
                version: 1,
                fields: ::std::vec::Vec::from([
                    (
                        ::std::string::String::from("id"),
                        <u64 as ::netabase_store::__private::NetabaseValue>::value_shape(__nb_types),
                    ),
                    (
                        ::std::string::String::from("email"),
                        <String as ::netabase_store::__private::NetabaseValue>::value_shape(__nb_types),
                    ),
                    (
                        ::std::string::String::from("age"),
                        <u32 as ::netabase_store::__private::NetabaseValue>::value_shape(__nb_types),
                    ),
                ]),
                primary_fields: ::std::vec::Vec::from([::std::string::String::from("id")]),
                primary_shape: <UserPrimaryKey as ::netabase_store::__private::NetabaseKey>::key_shape(__nb_types),
                indexes: ::std::vec::Vec::from([
                    ::netabase_store::__private::IndexSchema {
                        name: ::std::string::String::from("email"),
                        fields: ::std::vec::Vec::from([::std::string::String::from("email")]),
                        shape: <UserEmailSecondaryKey as ::netabase_store::__private::NetabaseKey>::key_shape(
                            __nb_types,
                        ),
                        unique: false,
                        each: false,
                        sparse: false,
                        computed: false,
                    },
                    ::netabase_store::__private::IndexSchema {
                        name: ::std::string::String::from("age"),
                        fields: ::std::vec::Vec::from([::std::string::String::from("age")]),
                        shape: <UserAgeSecondaryKey as ::netabase_store::__private::NetabaseKey>::key_shape(__nb_types),
                        unique: false,
                        each: false,
                        sparse: false,
                        computed: false,
                    },
                ]),
            }
        }
        fn __encode_payload(
            &self,
            __nb_writer: &mut ::netabase_store::__private::ValueWriter<'_>,
        ) -> ::core::result::Result<(), ::netabase_store::__private::ValueError> {
            ::netabase_store::__private::name_field(
                <u64 as ::netabase_store::__private::NetabaseValue>::encode_value(&self.id, __nb_writer),
                "id",
            )?;
            ::netabase_store::__private::name_field(
                <String as ::netabase_store::__private::NetabaseValue>::encode_value(&self.email, __nb_writer),
                "email",
            )?;
            ::netabase_store::__private::name_field(
                <u32 as ::netabase_store::__private::NetabaseValue>::encode_value(&self.age, __nb_writer),
                "age",
            )?;
            ::core::result::Result::Ok(())
        }
        fn __decode_payload(
            __nb_reader: &mut ::netabase_store::__private::ValueReader<'_>,
        ) -> ::core::result::Result<Self, ::netabase_store::__private::ValueError> {
            ::core::result::Result::Ok(Self {
                id: ::netabase_store::__private::name_field(
                    <u64 as ::netabase_store::__private::NetabaseValue>::decode_value(__nb_reader),
                    "id",
                )?,
                email: ::netabase_store::__private::name_field(
                    <String as ::netabase_store::__private::NetabaseValue>::decode_value(__nb_reader),
                    "email",
                )?,
                age: ::netabase_store::__private::name_field(
                    <u32 as ::netabase_store::__private::NetabaseValue>::decode_value(__nb_reader),
                    "age",
                )?,
            })
        }
    }
    #[automatically_derived]
    impl ::netabase_store::__private::ToIVec for User {
        fn to_ivec(&self) -> ::netabase_store::__private::Result<::std::vec::Vec<::core::primitive::u8>> {
            ::netabase_store::__private::row_to_ivec::<BlogDefinition, Self>(self)
        }
        fn from_ivec(__nb_bytes: &[::core::primitive::u8]) -> ::netabase_store::__private::Result<Self> {
            ::netabase_store::__private::row_from_ivec::<BlogDefinition, Self>(__nb_bytes)
        }
    }
};
