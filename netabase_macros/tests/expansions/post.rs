#[doc = "The primary key of `Post`."]
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
pub(crate) struct PostPrimaryKey(pub Author, pub String);
#[doc = "The index `tag` of `Post`."]
#[derive(
    ::core::clone::Clone,
    ::core::fmt::Debug,
    ::core::cmp::PartialEq,
    ::core::cmp::Eq,
    ::core::cmp::PartialOrd,
    ::core::cmp::Ord,
    ::core::hash::Hash,
)]
pub(crate) struct PostTagSecondaryKey(pub String);
#[doc = "The index `by_title` of `Post`."]
#[derive(
    ::core::clone::Clone,
    ::core::fmt::Debug,
    ::core::cmp::PartialEq,
    ::core::cmp::Eq,
    ::core::cmp::PartialOrd,
    ::core::cmp::Ord,
    ::core::hash::Hash,
)]
pub(crate) struct PostByTitleSecondaryKey(pub ::std::string::String);
#[doc = "A value of one of the indexes of `Post`."]
#[derive(
    ::core::clone::Clone,
    ::core::fmt::Debug,
    ::core::cmp::PartialEq,
    ::core::cmp::Eq,
    ::core::cmp::PartialOrd,
    ::core::cmp::Ord,
    ::core::hash::Hash,
)]
pub(crate) enum PostSecondaryKeys {
    #[doc = "The index `tag` of `Post`."]
    Tag(PostTagSecondaryKey),
    #[doc = "The index `by_title` of `Post`."]
    ByTitle(PostByTitleSecondaryKey),
}
#[doc = "A key of `Post`: primary, or of one of its indexes."]
#[derive(
    ::core::clone::Clone,
    ::core::fmt::Debug,
    ::core::cmp::PartialEq,
    ::core::cmp::Eq,
    ::core::cmp::PartialOrd,
    ::core::cmp::Ord,
    ::core::hash::Hash,
)]
pub(crate) enum PostKey {
    #[doc = r" The primary key."]
    Primary(PostPrimaryKey),
    #[doc = r" The value of an index."]
    Secondary(PostSecondaryKeys),
}
const _: () = {
    #[automatically_derived]
    impl ::renamed::__private::NetabaseKey for PostPrimaryKey {
        type Indexed = Self;
        #[inline]
        fn encode_key(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            <Author as ::renamed::__private::NetabaseKey>::encode_key(&self.0, __nb_out);
            <String as ::renamed::__private::NetabaseKey>::encode_key(&self.1, __nb_out);
        }
        #[inline]
        fn decode_key(
            __nb_reader: &mut ::renamed::__private::KeyReader<'_>,
        ) -> ::core::result::Result<Self, ::renamed::__private::KeyError> {
            ::core::result::Result::Ok(Self(
                <Author as ::renamed::__private::NetabaseKey>::decode_key(__nb_reader)?,
                <String as ::renamed::__private::NetabaseKey>::decode_key(__nb_reader)?,
            ))
        }
        #[inline]
        fn skip_key(
            __nb_reader: &mut ::renamed::__private::KeyReader<'_>,
        ) -> ::core::result::Result<(), ::renamed::__private::KeyError> {
            <Author as ::renamed::__private::NetabaseKey>::skip_key(__nb_reader)?;
            <String as ::renamed::__private::NetabaseKey>::skip_key(__nb_reader)?;
            ::core::result::Result::Ok(())
        }
        fn key_shape(__nb_types: &mut ::renamed::__private::Types) -> ::renamed::__private::Shape {
            ::renamed::__private::Shape::Tuple(::std::vec::Vec::from([
                <Author as ::renamed::__private::NetabaseKey>::key_shape(__nb_types),
                <String as ::renamed::__private::NetabaseKey>::key_shape(__nb_types),
            ]))
        }
    }
    ::renamed::__private::key_via_encoding!(PostPrimaryKey);
    #[automatically_derived]
    impl ::renamed::__private::KeyNewtype for PostPrimaryKey {
        type Value = (Author, String);
    }
    #[automatically_derived]
    impl ::renamed::__private::ToIVec for PostPrimaryKey {
        fn to_ivec(&self) -> ::renamed::__private::Result<::std::vec::Vec<::core::primitive::u8>> {
            ::core::result::Result::Ok(::renamed::__private::key_to_ivec(self))
        }
        fn from_ivec(__nb_bytes: &[::core::primitive::u8]) -> ::renamed::__private::Result<Self> {
            ::renamed::__private::key_from_ivec("PostPrimaryKey", __nb_bytes)
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<(Author, String)> for PostPrimaryKey {
        fn from(__nb_value: (Author, String)) -> Self {
            Self(__nb_value.0, __nb_value.1)
        }
    }
    #[automatically_derived]
    impl ::renamed::__private::KeyBound<(Author, String)> for PostPrimaryKey {
        fn encode_bound(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            <Self as ::renamed::__private::NetabaseKey>::encode_key(self, __nb_out)
        }
    }
    #[automatically_derived]
    impl ::renamed::__private::NetabaseKey for PostTagSecondaryKey {
        type Indexed = Self;
        #[inline]
        fn encode_key(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            <String as ::renamed::__private::NetabaseKey>::encode_key(&self.0, __nb_out);
        }
        #[inline]
        fn decode_key(
            __nb_reader: &mut ::renamed::__private::KeyReader<'_>,
        ) -> ::core::result::Result<Self, ::renamed::__private::KeyError> {
            ::core::result::Result::Ok(Self(<String as ::renamed::__private::NetabaseKey>::decode_key(
                __nb_reader,
            )?))
        }
        #[inline]
        fn skip_key(
            __nb_reader: &mut ::renamed::__private::KeyReader<'_>,
        ) -> ::core::result::Result<(), ::renamed::__private::KeyError> {
            <String as ::renamed::__private::NetabaseKey>::skip_key(__nb_reader)?;
            ::core::result::Result::Ok(())
        }
        fn key_shape(__nb_types: &mut ::renamed::__private::Types) -> ::renamed::__private::Shape {
            <String as ::renamed::__private::NetabaseKey>::key_shape(__nb_types)
        }
    }
    #[automatically_derived]
    impl ::renamed::__private::KeyNewtype for PostTagSecondaryKey {
        type Value = String;
    }
    #[automatically_derived]
    impl ::renamed::__private::ToIVec for PostTagSecondaryKey {
        fn to_ivec(&self) -> ::renamed::__private::Result<::std::vec::Vec<::core::primitive::u8>> {
            ::core::result::Result::Ok(::renamed::__private::key_to_ivec(self))
        }
        fn from_ivec(__nb_bytes: &[::core::primitive::u8]) -> ::renamed::__private::Result<Self> {
            ::renamed::__private::key_from_ivec("PostTagSecondaryKey", __nb_bytes)
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<String> for PostTagSecondaryKey {
        fn from(__nb_value: String) -> Self {
            Self(__nb_value)
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<&::core::primitive::str> for PostTagSecondaryKey {
        fn from(__nb_text: &::core::primitive::str) -> Self {
            Self(<String as ::core::convert::From<_>>::from(__nb_text))
        }
    }
    #[automatically_derived]
    impl ::renamed::__private::KeyBound<String> for PostTagSecondaryKey {
        fn encode_bound(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            <Self as ::renamed::__private::NetabaseKey>::encode_key(self, __nb_out)
        }
    }
    #[automatically_derived]
    impl ::renamed::__private::NetabaseKey for PostByTitleSecondaryKey {
        type Indexed = Self;
        #[inline]
        fn encode_key(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            <::std::string::String as ::renamed::__private::NetabaseKey>::encode_key(&self.0, __nb_out);
        }
        #[inline]
        fn decode_key(
            __nb_reader: &mut ::renamed::__private::KeyReader<'_>,
        ) -> ::core::result::Result<Self, ::renamed::__private::KeyError> {
            ::core::result::Result::Ok(Self(
                <::std::string::String as ::renamed::__private::NetabaseKey>::decode_key(__nb_reader)?,
            ))
        }
        #[inline]
        fn skip_key(
            __nb_reader: &mut ::renamed::__private::KeyReader<'_>,
        ) -> ::core::result::Result<(), ::renamed::__private::KeyError> {
            <::std::string::String as ::renamed::__private::NetabaseKey>::skip_key(__nb_reader)?;
            ::core::result::Result::Ok(())
        }
        fn key_shape(__nb_types: &mut ::renamed::__private::Types) -> ::renamed::__private::Shape {
            <::std::string::String as ::renamed::__private::NetabaseKey>::key_shape(__nb_types)
        }
    }
    #[automatically_derived]
    impl ::renamed::__private::KeyNewtype for PostByTitleSecondaryKey {
        type Value = ::std::string::String;
    }
    #[automatically_derived]
    impl ::renamed::__private::ToIVec for PostByTitleSecondaryKey {
        fn to_ivec(&self) -> ::renamed::__private::Result<::std::vec::Vec<::core::primitive::u8>> {
            ::core::result::Result::Ok(::renamed::__private::key_to_ivec(self))
        }
        fn from_ivec(__nb_bytes: &[::core::primitive::u8]) -> ::renamed::__private::Result<Self> {
            ::renamed::__private::key_from_ivec("PostByTitleSecondaryKey", __nb_bytes)
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<::std::string::String> for PostByTitleSecondaryKey {
        fn from(__nb_value: ::std::string::String) -> Self {
            Self(__nb_value)
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<&::core::primitive::str> for PostByTitleSecondaryKey {
        fn from(__nb_text: &::core::primitive::str) -> Self {
            Self(<::std::string::String as ::core::convert::From<_>>::from(__nb_text))
        }
    }
    #[automatically_derived]
    impl ::renamed::__private::KeyBound<::std::string::String> for PostByTitleSecondaryKey {
        fn encode_bound(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            <Self as ::renamed::__private::NetabaseKey>::encode_key(self, __nb_out)
        }
    }
    #[automatically_derived]
    impl ::renamed::__private::IndexOf<Post> for PostTagSecondaryKey {
        const POSITION: ::core::primitive::usize = 0;
    }
    const _: fn() =
        ::renamed::__private::assert_whole::<<String as ::renamed::__private::NetabaseKey>::Indexed, String>;
    #[automatically_derived]
    impl ::renamed::__private::IndexOf<Post> for PostByTitleSecondaryKey {
        const POSITION: ::core::primitive::usize = 1;
    }
    const _: fn() =
        ::renamed::__private::assert_whole::<<::std::string::String as ::renamed::__private::NetabaseKey>::Indexed, ::std::string::String>;
    #[automatically_derived]
    impl ::renamed::__private::SecondaryKeyOf for PostSecondaryKeys {
        fn position(&self) -> ::core::primitive::usize {
            match *self {
                Self::Tag(_) => 0,
                Self::ByTitle(_) => 1,
            }
        }
        #[allow(unused_variables)]
        fn encode_value(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            match *self {
                Self::Tag(ref __nb_key) => {
                    <PostTagSecondaryKey as ::renamed::__private::NetabaseKey>::encode_key(__nb_key, __nb_out)
                }
                Self::ByTitle(ref __nb_key) => {
                    <PostByTitleSecondaryKey as ::renamed::__private::NetabaseKey>::encode_key(__nb_key, __nb_out)
                }
            }
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<PostPrimaryKey> for PostKey {
        fn from(__nb_key: PostPrimaryKey) -> Self {
            Self::Primary(__nb_key)
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<PostSecondaryKeys> for PostKey {
        fn from(__nb_key: PostSecondaryKeys) -> Self {
            Self::Secondary(__nb_key)
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<PostTagSecondaryKey> for PostSecondaryKeys {
        fn from(__nb_key: PostTagSecondaryKey) -> Self {
            Self::Tag(__nb_key)
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<PostTagSecondaryKey> for PostKey {
        fn from(__nb_key: PostTagSecondaryKey) -> Self {
            Self::Secondary(PostSecondaryKeys::Tag(__nb_key))
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<PostByTitleSecondaryKey> for PostSecondaryKeys {
        fn from(__nb_key: PostByTitleSecondaryKey) -> Self {
            Self::ByTitle(__nb_key)
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<PostByTitleSecondaryKey> for PostKey {
        fn from(__nb_key: PostByTitleSecondaryKey) -> Self {
            Self::Secondary(PostSecondaryKeys::ByTitle(__nb_key))
        }
    }
    #[automatically_derived]
    impl ::renamed::__private::NetabaseModelTrait<super::Definition> for Post {
        type PrimaryKey = PostPrimaryKey;
        type SecondaryKeys = PostSecondaryKeys;
        type Keys = PostKey;
        const DISCRIMINANT: &'static ::core::primitive::str = "Post";
        fn primary_key(&self) -> PostPrimaryKey {
            PostPrimaryKey(
                ::core::clone::Clone::clone(&self.author),
                ::core::clone::Clone::clone(&self.slug),
            )
        }
        #[allow(unused_mut)]
        fn secondary_keys(&self) -> ::std::vec::Vec<PostSecondaryKeys> {
            let mut __nb_keys = ::std::vec::Vec::new();
            ::core::iter::Extend::extend(
                &mut __nb_keys,
                ::core::iter::Iterator::map(
                    ::core::iter::IntoIterator::into_iter(
                        <::std::collections::BTreeSet<PostTagSecondaryKey> as ::core::iter::FromIterator<
                            PostTagSecondaryKey,
                        >>::from_iter(::core::iter::Iterator::map(
                            ::renamed::__private::Entries::elements::<String>(&self.tags),
                            |__nb_element| PostTagSecondaryKey(::core::clone::Clone::clone(__nb_element)),
                        )),
                    ),
                    PostSecondaryKeys::Tag,
                ),
            );
            ::std::vec::Vec::push(
                &mut __nb_keys,
                PostSecondaryKeys::ByTitle(PostByTitleSecondaryKey(::renamed::__private::IntoIndexed::<
                    ::std::string::String,
                >::into_indexed(
                    Post::title_lower(self)
                ))),
            );
            __nb_keys
        }
        fn __encode_primary_key(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            <Author as ::renamed::__private::NetabaseKey>::encode_key(&self.author, __nb_out);
            <String as ::renamed::__private::NetabaseKey>::encode_key(&self.slug, __nb_out);
        }
        #[allow(unused_variables)]
        fn __encode_entries(&self, __nb_entries: &mut ::renamed::__private::Entries) {
            let __nb_encode = |__nb_key: &String, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>| {
                <String as ::renamed::__private::NetabaseKey>::encode_key(__nb_key, __nb_out)
            };
            ::renamed::__private::Entries::each(
                __nb_entries,
                0,
                ::renamed::__private::Entries::elements::<String>(&self.tags),
                __nb_encode,
            );
            ::renamed::__private::Entries::one(
                __nb_entries,
                1,
                &::renamed::__private::IntoIndexed::<::std::string::String>::into_indexed(Post::title_lower(self)),
                |__nb_key: &::std::string::String, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>| {
                    <::std::string::String as ::renamed::__private::NetabaseKey>::encode_key(__nb_key, __nb_out)
                },
            );
        }
        fn schema(__nb_types: &mut ::renamed::__private::Types) -> ::renamed::__private::ModelSchema {
            ::renamed::__private::ModelSchema {
                discriminant: ::std::string::String::from("Post"),
                version: 1,
                fields: ::std::vec::Vec::from([
                    (
                        ::std::string::String::from("author"),
                        <Author as ::renamed::__private::NetabaseValue>::value_shape(__nb_types),
                    ),
                    (
                        ::std::string::String::from("slug"),
                        <String as ::renamed::__private::NetabaseValue>::value_shape(__nb_types),
                    ),
                    (
                        ::std::string::String::from("year"),
                        <Option<u32> as ::renamed::__private::NetabaseValue>::value_shape(__nb_types),
                    ),
                    (
                        ::std::string::String::from("tags"),
                        <Vec<String> as ::renamed::__private::NetabaseValue>::value_shape(__nb_types),
                    ),
                    (
                        ::std::string::String::from("type"),
                        ::renamed::__private::opaque_shape("Foreign<u8>"),
                    ),
                ]),
                primary_fields: ::std::vec::Vec::from([
                    ::std::string::String::from("author"),
                    ::std::string::String::from("slug"),
                ]),
                primary_shape: <PostPrimaryKey as ::renamed::__private::NetabaseKey>::key_shape(__nb_types),
                indexes: ::std::vec::Vec::from([
                    ::renamed::__private::IndexSchema {
                        name: ::std::string::String::from("tag"),
                        fields: ::std::vec::Vec::from([::std::string::String::from("tags")]),
                        shape: <PostTagSecondaryKey as ::renamed::__private::NetabaseKey>::key_shape(__nb_types),
                        unique: false,
                        each: true,
                        sparse: false,
                        computed: false,
                    },
                    ::renamed::__private::IndexSchema {
                        name: ::std::string::String::from("by_title"),
                        fields: ::std::vec::Vec::new(),
                        shape: <PostByTitleSecondaryKey as ::renamed::__private::NetabaseKey>::key_shape(__nb_types),
                        unique: false,
                        each: false,
                        sparse: false,
                        computed: true,
                    },
                ]),
            }
        }
        fn __encode_payload(
            &self,
            __nb_writer: &mut ::renamed::__private::ValueWriter<'_>,
        ) -> ::core::result::Result<(), ::renamed::__private::ValueError> {
            ::renamed::__private::name_field(
                <Author as ::renamed::__private::NetabaseValue>::encode_value(&self.author, __nb_writer),
                "author",
            )?;
            ::renamed::__private::name_field(
                <String as ::renamed::__private::NetabaseValue>::encode_value(&self.slug, __nb_writer),
                "slug",
            )?;
            ::renamed::__private::name_field(
                <Option<u32> as ::renamed::__private::NetabaseValue>::encode_value(&self.year, __nb_writer),
                "year",
            )?;
            ::renamed::__private::name_field(
                <Vec<String> as ::renamed::__private::NetabaseValue>::encode_value(&self.tags, __nb_writer),
                "tags",
            )?;
            ::renamed::__private::encode_serde_field::<Foreign<u8>>(__nb_writer, &self.r#type, "type")?;
            ::core::result::Result::Ok(())
        }
        fn __decode_payload(
            __nb_reader: &mut ::renamed::__private::ValueReader<'_>,
        ) -> ::core::result::Result<Self, ::renamed::__private::ValueError> {
            ::core::result::Result::Ok(Self {
                author: ::renamed::__private::name_field(
                    <Author as ::renamed::__private::NetabaseValue>::decode_value(__nb_reader),
                    "author",
                )?,
                slug: ::renamed::__private::name_field(
                    <String as ::renamed::__private::NetabaseValue>::decode_value(__nb_reader),
                    "slug",
                )?,
                year: ::renamed::__private::name_field(
                    <Option<u32> as ::renamed::__private::NetabaseValue>::decode_value(__nb_reader),
                    "year",
                )?,
                tags: ::renamed::__private::name_field(
                    <Vec<String> as ::renamed::__private::NetabaseValue>::decode_value(__nb_reader),
                    "tags",
                )?,
                r#type: ::renamed::__private::decode_serde_field::<Foreign<u8>>(__nb_reader, "type")?,
            })
        }
    }
    #[automatically_derived]
    impl ::renamed::__private::ToIVec for Post {
        fn to_ivec(&self) -> ::renamed::__private::Result<::std::vec::Vec<::core::primitive::u8>> {
            ::renamed::__private::row_to_ivec::<super::Definition, Self>(self)
        }
        fn from_ivec(__nb_bytes: &[::core::primitive::u8]) -> ::renamed::__private::Result<Self> {
            ::renamed::__private::row_from_ivec::<super::Definition, Self>(__nb_bytes)
        }
    }
};
